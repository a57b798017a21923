"""AWS's documented limits that the model uses, and what raises them."""

from dataclasses import dataclass

from infra.scale.source import Source

_TABLE_QUOTAS = Source("DynamoDB Developer Guide, Quotas, and Maximum throughput for on-demand tables")
_WARM = Source("DynamoDB Developer Guide, Understanding DynamoDB warm throughput in different scenarios")
_NEW = Source("DynamoDB Developer Guide, On-demand capacity mode, Initial throughput and scaling properties")
_COLLECTION = Source("DynamoDB API Reference, ItemCollectionSizeLimitExceededException")
_SCHEDULE = Source("EventBridge User Guide, Rate expressions reference")
_STREAM = Source("Lambda API Reference, EventSourceMapping, ParallelizationFactor")
_SCALING = Source("Lambda Developer Guide, Lambda scaling behavior")
_ACCOUNT = Source("Lambda Developer Guide, Configuring scaling behavior for SQS event source mappings")
_FIFO = Source("SQS Developer Guide, Amazon SQS message quotas")
_FIFO_QUEUE = Source("SQS Developer Guide, Amazon SQS FIFO queue quotas")
_API = Source("API Gateway Developer Guide, Amazon API Gateway quotas")
_S3 = Source("re:Post, S3 object key naming pattern; S3 User Guide, Optimizing performance")


@dataclass(frozen=True)
class Limit:
    what: str
    value: float
    unit: str
    raised: str
    source: Source


LIMITS = {
    "partition writes": Limit("DynamoDB, one key", 1_000, "write units a second", "no", _WARM),
    "partition reads": Limit("DynamoDB, one key", 3_000, "read units a second", "no", _WARM),
    "table writes": Limit(
        "DynamoDB, one table on demand", 40_000, "write units a second", "quota", _TABLE_QUOTAS
    ),
    "table reads": Limit(
        "DynamoDB, one table on demand", 40_000, "read units a second", "quota", _TABLE_QUOTAS
    ),
    "new table writes": Limit(
        "DynamoDB, a new table at once", 4_000, "write units a second", "WarmThroughput", _NEW
    ),
    "new table reads": Limit(
        "DynamoDB, a new table at once", 12_000, "read units a second", "WarmThroughput", _NEW
    ),
    "collection": Limit("DynamoDB, one box (local indexes)", 10 * 2**30, "bytes", "no", _COLLECTION),
    "stream batches": Limit("Lambda, batches at once of a shard", 10, "batches", "no", _STREAM),
    "concurrency": Limit("Lambda, one account and region", 1_000, "runs at once", "quota", _ACCOUNT),
    "scaling": Limit("Lambda, one function, in 10 s", 1_000, "more runs at once", "no", _SCALING),
    "run requests": Limit(
        "Lambda, each run at once that the account may have", 10, "requests a second", "no", _SCALING
    ),
    "mapping": Limit("Lambda, one queue", 1_000, "runs at once", "provisioned mode", _ACCOUNT),
    "pollers": Limit("Lambda, one idle queue", 5, "long polls at a time", "no", _ACCOUNT),
    "fifo": Limit("SQS FIFO, any region", 2_400, "calls a second of a kind", "region", _FIFO),
    "fifo Frankfurt": Limit(
        "SQS FIFO, Frankfurt and Ohio", 19_000, "calls a second of a kind", "region", _FIFO
    ),
    "fifo most": Limit(
        "SQS FIFO, Virginia, Oregon, Ireland", 70_000, "calls a second of a kind", "no", _FIFO
    ),
    "fifo in flight": Limit("SQS FIFO, one queue", 120_000, "messages in flight", "quota", _FIFO_QUEUE),
    "api requests": Limit("API Gateway, one account and region", 10_000, "requests a second", "quota", _API),
    "api burst": Limit("API Gateway, one account and region", 5_000, "requests at once", "no", _API),
    "schedule": Limit("EventBridge, a schedule", 1, "run a minute", "no", _SCHEDULE),
    "s3 puts": Limit("S3, one partitioned prefix", 3_500, "PUTs a second", "it splits", _S3),
    "s3 gets": Limit("S3, one partitioned prefix", 5_500, "GETs a second", "it splits", _S3),
}


def value(name: str) -> float:
    return LIMITS[name].value
