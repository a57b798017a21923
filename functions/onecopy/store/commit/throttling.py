"""When AWS says: later. Whatever the service, and whoever wraps what it said."""

CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""What DynamoDB, S3 and SQS call too many requests; `ThrottlingError` is a reason within a transaction."""


def is_throttled(error: BaseException) -> bool:
    """Whether AWS refused for the rate alone: nothing is wrong with what was asked, and nothing was done.

    botocore's errors hold AWS's answer, PynamoDB's hold botocore's.
    """
    cause = getattr(error, "cause", None) or error
    response = getattr(cause, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return code in CODES
