"""The settings of the model: the template's defaults, and the quotas of an account."""

from dataclasses import dataclass, replace
from typing import Any

from infra.aws.template import TEMPLATE, Template
from infra.scale import limits
from onecopy.store.commit.table import SHARDS


@dataclass(frozen=True)
class Settings:
    """The first fields are parameters and properties of the template, the last five quotas of the account."""

    requests_per_second: float
    request_burst: float
    deliveries_at_once: float
    stream_batches: float
    due_shards: float
    rest_seconds: float
    restore_days: float
    log_days: float
    history_days: float
    sweep_timeout: float
    api_memory: float
    memory: float
    queues: int
    alarms: int
    traces: bool
    api_requests: float
    concurrency: float
    table_writes: float
    table_reads: float
    fifo: float


def defaults() -> Settings:
    template = Template(TEMPLATE, {})
    functions = template.resources("AWS::Serverless::Function")
    shared = template.global_properties("Function")
    events = [event for one in functions.values() for event in one.get("Events", {}).values()]
    [stream] = [event["Properties"] for event in events if event["Type"] == "DynamoDB"]
    return Settings(
        requests_per_second=_number(template, "RequestsPerSecond"),
        request_burst=_number(template, "RequestBurst"),
        deliveries_at_once=_number(template, "DeliveriesAtOnce"),
        stream_batches=float(stream.get("ParallelizationFactor", 1)),
        due_shards=SHARDS,
        rest_seconds=_number(template, "RestSeconds"),
        restore_days=_number(template, "RestoreDays"),
        log_days=_number(template, "LogDays"),
        history_days=_number(template, "HistoryDays"),
        sweep_timeout=float(functions["SweepFunction"]["Timeout"]),
        api_memory=float(functions["ApiFunction"]["MemorySize"]) / 1024,
        memory=float(shared["MemorySize"]) / 1024,
        queues=sum(event["Type"] == "SQS" for event in events),
        alarms=_alarms(template),
        traces=template.refs["Traces"] == "yes",
        api_requests=limits.value("api requests"),
        concurrency=limits.value("concurrency"),
        table_writes=limits.value("table writes"),
        table_reads=limits.value("table reads"),
        fifo=limits.value("fifo"),
    )


def larger(settings: Settings) -> Settings:
    """Parameters at their maximum, raised quotas, and a region whose FIFO queues take the most."""
    return replace(
        settings,
        requests_per_second=limits.value("api requests"),
        request_burst=limits.value("api burst"),
        deliveries_at_once=limits.value("mapping"),
        stream_batches=limits.value("stream batches"),
        concurrency=3 * limits.value("concurrency"),
        table_writes=3 * limits.value("table writes"),
        table_reads=3 * limits.value("table reads"),
        fifo=limits.value("fifo most"),
    )


def _number(template: Template, parameter: str) -> float:
    return float(template.refs[parameter])


def _alarms(template: Template) -> int:
    """Alarms as billed, including those of each function, which a nested template creates."""
    nested = [
        Template(TEMPLATE.parent / one["TemplateURL"], {"Function": "", "What": ""})
        for one in template.resources("AWS::CloudFormation::Stack").values()
        if one["TemplateURL"] == "function-alarms.yaml"
    ]
    return sum(
        _metrics(alarm)
        for one in (template, *nested)
        for alarm in one.resources("AWS::CloudWatch::Alarm").values()
    )


def _metrics(alarm: dict[str, Any]) -> int:
    """How many metrics an alarm watches: AWS charges for each of them."""
    return sum("MetricStat" in one for one in alarm.get("Metrics", ())) or 1
