"""AWS's pay-as-you-go list prices of us-east-1, in dollars, without the free tier. Other regions differ.

Not every price was read in AWS's own list: each row says where it was read.
"""

from dataclasses import dataclass

from infra.scale.source import Source

_API = Source("AWS Price List, AmazonApiGateway, of 2026-09-11, in a public extract")
_LAMBDA = Source("AWS Price List, AWSLambda, of 2026-09-19, in a public extract")
_UNITS = Source("airbyte.com, Amazon DynamoDB Pricing, of 2025-07-21 (prices since November 2024)")
_TABLE = Source("aws.amazon.com/dynamodb/pricing")
_PITR = Source("AWS Price List, AmazonDynamoDB, us-west-2, in a public extract")
_S3 = Source("AWS Price List, AmazonS3, of 2026-09-01, and its bands since 2024-11-01, in public extracts")
_OUT = Source("aws.amazon.com/s3/pricing, Data transfer, in public extracts")
_SQS = Source("cloudburn.io, Amazon SQS Pricing, of 2026-03-14")
_WATCH = Source("factualminds.com, Amazon CloudWatch Pricing, of 2026-06-13")
_XRAY = Source("awsnegotiations.com, AWS X-Ray Pricing")
_KEYS = Source("AWS KMS and Secrets Manager pricing, in public extracts")

ENDLESS = float("inf")


@dataclass(frozen=True)
class Price:
    """Each of `bands` ends at a number of units in a month and has a price for each unit in it."""

    unit: str
    bands: tuple[tuple[float, float], ...]
    source: Source

    def of(self, quantity: float) -> float:
        cost, below = 0.0, 0.0
        for up_to, each in self.bands:
            cost += max(0.0, min(quantity, up_to) - below) * each
            below = up_to
        return cost


def _flat(unit: str, each: float, source: Source) -> Price:
    return Price(unit, ((ENDLESS, each),), source)


PRICES = {
    "API Gateway, requests": Price("request", ((300e6, 1.00e-6), (ENDLESS, 0.90e-6)), _API),
    "Lambda, runs": _flat("run", 0.20e-6, _LAMBDA),
    "Lambda, GB-seconds": Price(
        "GB-second", ((7.5e9, 13.3334e-6), (18.75e9, 12.0001e-6), (ENDLESS, 10.6667e-6)), _LAMBDA
    ),
    "Lambda, SnapStart's cache": _flat("GB-second", 1.5046e-6, _LAMBDA),
    "Lambda, SnapStart's restores": _flat("GB", 139.7998e-6, _LAMBDA),
    "DynamoDB, read units": _flat("unit", 0.125e-6, _UNITS),
    "DynamoDB, write units": _flat("unit", 0.625e-6, _UNITS),
    "DynamoDB, write units of indexes": _flat("unit", 0.625e-6, _UNITS),
    "DynamoDB, storage": _flat("GB-month", 0.25, _TABLE),
    "DynamoDB, point-in-time recovery": _flat("GB-month", 0.20, _PITR),
    "S3, PUT requests": _flat("request", 5.00e-6, _S3),
    "S3, GET requests": _flat("request", 0.40e-6, _S3),
    "S3, storage": Price("GB-month", ((51_200, 0.023), (512_000, 0.022), (ENDLESS, 0.021)), _S3),
    "S3, old versions": _flat("GB-month", 0.023, _S3),
    "SQS, requests of the FIFO queue": _flat("request", 0.50e-6, _SQS),
    "SQS, requests": _flat("request", 0.40e-6, _SQS),
    "SQS, idle polling": _flat("request", 0.50e-6, _SQS),
    "Logs, taken in": _flat("GB", 0.50, _WATCH),
    "Logs, kept": _flat("GB-month", 0.03, _WATCH),
    "Metrics of its own": _flat("metric", 0.30, _WATCH),
    "Alarms": _flat("metric", 0.10, _WATCH),
    "Dashboard": _flat("dashboard", 3.00, _WATCH),
    "Traces": _flat("trace", 5.00e-6, _XRAY),
    "Keys, requests": _flat("request", 3.00e-6, _KEYS),
    "Secrets": _flat("secret", 0.40, _KEYS),
    "Sent out: answers": _flat("GB", 0.0, _OUT),
    "Sent out: pushes": _flat("GB", 0.0, _OUT),
    "Sent out: bodies": _flat("GB", 0.0, _OUT),
}

OUT = Price("GB", ((10_240, 0.09), (51_200, 0.085), (153_600, 0.07), (ENDLESS, 0.05)), _OUT)
"""The bands apply to everything sent to the internet, added up whatever sends it."""
