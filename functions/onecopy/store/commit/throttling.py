"""Tells whether AWS throttled a call, whatever the service and whatever library wraps its answer."""

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
"""The throttling codes of DynamoDB, S3 and SQS. `ThrottlingError` is a transaction's cancellation reason."""


def is_throttled(error: BaseException) -> bool:
    """Whether AWS refused a call only because of the rate. The call was valid, and nothing was done.

    botocore's errors hold AWS's answer; PynamoDB's hold botocore's.
    """
    cause = getattr(error, "cause", None) or error
    response = getattr(cause, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return code in CODES
