"""The tables that repeat what the code and the templates say; `python -m infra.docs --write` writes them.

Each function returns one table as Markdown. Nothing is written down here that the code already says. Only
limits and scopes get their words here, because a constant's name is no sentence.
"""

import importlib
import pkgutil
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic.alias_generators import to_camel

from infra.aws.template import TEMPLATE, written
from infra.docs import conformance
from infra.docs.pages import table
from onecopy import settings
from onecopy.domain import box, content, criteria, folder, interest, link, subscription
from onecopy.handlers import routes
from onecopy.handlers.edge import caller, measure
from onecopy.push import address, webhook
from onecopy.store.box import log
from onecopy.store.commit import kinds, once
from onecopy.store.commit import table as layout
from onecopy.store.search import objects as search
from onecopy.store.subscribers import expired, in_flight
from onecopy.wire import inward, multipart, outward, selection, structures

FUNCTION_ALARMS = TEMPLATE.with_name("function-alarms.yaml")
_COMPARISONS = {"GreaterThanOrEqualToThreshold": "at least", "GreaterThanThreshold": "more than"}
_LIMITS: list[tuple[str, ModuleType, str, str]] = [
    ("Depth of a folder below the root", box, "MAX_DEPTH", "levels"),
    ("Folder name", folder, "MAX_NAME", "characters"),
    ("Flags of an object", link, "MOST_FLAGS", ""),
    ("Payload parts of an object", content, "MOST_PARTS", ""),
    ("Objects and folders in one copy, move or bulk request", structures, "MOST_REFERENCES", ""),
    ("Objects in one request for presigned URLs", inward, "MOST_HREFS", ""),
    ("Entries of a page", inward, "MOST_PER_PAGE", ""),
    ("JSON body of a request", inward, "JSON_LIMIT", "bytes"),
    ("List of paths or references in a request", inward, "LIST_LIMIT", "bytes"),
    ("Criteria of a search", criteria, "MOST_CRITERIA", ""),
    ("Value of a criterion", selection, "LONGEST_TEXT", "characters"),
    ("Links that one page of a search reads", search, "MOST_READ", ""),
    ("XML body of a request", inward, "XML_LIMIT", "bytes"),
    ("Parts of a form-data request", multipart, "MOST_PARTS", ""),
    ("Answer, before compression", outward, "MOST_BYTES", "bytes"),
    ("Shortest time for which changes are kept", log, "SHORTEST_HISTORY", ""),
    ("Time for which an Idempotency-Key is kept", once, "KEPT", ""),
    ("Preferences of a box", interest, "MOST", ""),
    ("Folders that preferences exclude", interest, "MOST_EXCLUDED", ""),
    ("Values of Message-Context in preferences", interest, "MOST_CONTEXTS", ""),
    ("Subscriptions of a box", subscription, "MOST", ""),
    ("Longest duration of a subscription", subscription, "LONGEST", ""),
    ("Tries to verify a subscription", subscription, "VERIFICATION_TRIES", ""),
    ("Time for which an expired subscription can be renewed", expired, "KEPT", ""),
    ("notifyURL", address, "MOST_BYTES", "bytes"),
    ("Events in one notification", in_flight, "MOST_EVENTS", ""),
    ("Notification", in_flight, "MOST_BYTES", "bytes"),
    ("Time that a subscriber has to answer", webhook, "TIMEOUT", "seconds"),
]


@cache
def _template() -> dict[str, Any]:
    return written(TEMPLATE)


def every_route() -> list[routes.Route]:
    """The routes of all modules that have some."""
    names = (f"{routes.__name__}.{module.name}" for module in pkgutil.iter_modules(routes.__path__))
    return [route for name in names for route in getattr(importlib.import_module(name), "ROUTES", ())]


def route_table() -> str:
    rows = sorted(((path_of(one), one.method, one) for one in every_route()), key=lambda row: row[:2])
    return table(
        ["Path below `{base}`, or whole", "Method", "Scope", "`onecopy.network` in any box", "JSON only"],
        (
            (f"`{path}`", method, f"`{one.scope}`", _yes(one.stores or one.of_store), _yes(one.json_only))
            for path, method, one in rows
        ),
    )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""


def scope_table() -> str:
    rights = [
        (routes.READ, "Read objects, folders, content and changes"),
        (routes.CREATE, "Store objects"),
        (routes.MODIFY, "Change and delete objects and folders, copy and move"),
        (routes.SUBSCRIBE, "Subscribe to notifications"),
        (caller.ALL, "All of these"),
        (
            caller.NETWORK,
            "Store in any box of the store, or in many at once; every other route also needs NMS's scopes",
        ),
    ]
    return table(["Scope", "What it allows"], ((f"`{name}`", what) for name, what in rights))


def limit_table() -> str:
    return table(
        ["Limit", "Value"],
        ((what, _value(getattr(module, name), unit)) for what, module, name, unit in _LIMITS),
    )


def parameter_table() -> str:
    rows = _template()["Parameters"].items()
    return table(["Parameter", "Default", "What it is"], (_parameter(name, one) for name, one in rows))


def setting_table() -> str:
    """Environment variables of the functions, each with the form that its value has to have."""
    template = _template()
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    users: dict[str, list[str]] = {name: ["all"] for name in shared}
    values = dict(shared)
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        own = resource["Properties"].get("Environment", {}).get("Variables", {})
        for name, value in own.items():
            users.setdefault(name, []).append(f"`{resource['Properties']['Handler'].split('.')[-2]}`")
            values.setdefault(name, value)
    return table(
        ["Variable", "Form (regular expression)", "Value in the template", "Functions"],
        (
            (f"`{name}`", _code(settings.FORMS.get(name, "")), _source(values[name]), ", ".join(users[name]))
            for name in values
        ),
    )


def alarm_table() -> str:
    resources = {**_template()["Resources"], **written(FUNCTION_ALARMS)["Resources"]}
    alarms = ((n, r["Properties"]) for n, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm")
    return table(
        ["Alarm", "Metric", "Rings when it is"],
        ((f"`{name}`", _metric(one), _rings(one)) for name, one in alarms),
    )


def metric_table() -> str:
    rows = measure.METRICS.items()
    return table(
        ["Metric (namespace `Onecopy`)", "Unit", "What it counts"],
        ((f"`{name}`", unit.value, what) for name, (unit, what) in rows),
    )


def access_table() -> str:
    """The access patterns, as the table's own docstring lists them."""
    lines = (layout.__doc__ or "").splitlines()
    return "\n".join(line for line in lines if line.startswith("|"))


def row_table() -> str:
    every = [kind for kind in vars(kinds).values() if _is_row(kind)]
    return table(["Row", "Attributes besides its key (optional ones in brackets)"], map(_row, every))


TABLES = {
    "reference.md": {
        "routes": route_table,
        "scopes": scope_table,
        "limits": limit_table,
        "settings": setting_table,
        "metrics": metric_table,
        "alarms": alarm_table,
        "access": access_table,
        "rows": row_table,
    },
    "operating.md": {"parameters": parameter_table},
    "conformance.md": conformance.TABLES,
}
"""Of each page: what stands between which marks."""

PAGES = Path(__file__).parent


def path_of(route: routes.Route) -> str:
    """`/objects/<object_id>` as NMS writes it: `/objects/{objectId}`."""
    path = f"/nms/v1/<store_name>{route.path}" if route.of_store else route.path
    return re.sub(r"<(\w+)>", lambda found: f"{{{to_camel(found[1])}}}", path)


def _parameter(name: str, one: dict[str, Any]) -> tuple[str, str, str]:
    default = f"`{one['Default']}`" if one["Default"] != "" else ""
    bounds = one.get("ConstraintDescription")
    if not bounds and "AllowedValues" in one:
        bounds = ", ".join(map(str, one["AllowedValues"]))
    if not bounds:
        bounds = f"{one['MinValue']:,} to {one['MaxValue']:,}"
    return f"`{name}`", default, f"{one['Description']}. Takes {bounds}"


def _metric(alarm: dict[str, Any]) -> str:
    if "Metrics" in alarm:
        named = [one["MetricStat"]["Metric"]["MetricName"] for one in alarm["Metrics"] if "MetricStat" in one]
        return " and ".join(f"`{name}`" for name in dict.fromkeys(named))
    return f"`{alarm['MetricName']}`"


def _rings(alarm: dict[str, Any]) -> str:
    of, needed = alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    periods = {one["MetricStat"]["Period"] for one in alarm.get("Metrics", ()) if "MetricStat" in one}
    period = alarm.get("Period") or max(periods)
    spans = f"{needed} of {of} periods of {period} s" if of > 1 else f"one period of {period} s"
    return f"{_COMPARISONS[alarm['ComparisonOperator']]} {_source(alarm['Threshold'])} in {spans}"


def _source(value: Any) -> str:
    """What a value of the template comes from."""
    if not isinstance(value, dict):
        return f"`{value}`"
    [(kind, argument)] = value.items()
    match kind:
        case "Ref":
            return f"`{argument}`"
        case "Fn::GetAtt":
            return f"`{'.'.join(argument)}`"
        case "Fn::If":
            return _source(argument[1]) if argument[2] == {"Ref": "AWS::NoValue"} else _either(argument)
        case "Fn::Sub":
            return f"`{argument}`"
    raise ValueError(kind)


def _either(argument: list[Any]) -> str:
    return " or ".join(dict.fromkeys([_source(argument[1]), _source(argument[2])]))


def _is_row(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, kinds.Row) and kind is not kinds.Row


def _row(kind: type[kinds.Row]) -> tuple[str, str]:
    attributes: dict[str, Any] = kind.get_attributes()
    named = (
        f"[`{name}`]" if attribute.null else f"`{name}`"
        for name, attribute in attributes.items()
        if name not in ("box", "item")
    )
    return f"`{kind.__name__}`", ", ".join(named)


def _value(value: Any, unit: str) -> str:
    if isinstance(value, timedelta):
        hours = value.total_seconds() / 3600
        return f"{value.days} days" if value.days > 1 else f"{hours:g} hours"
    return f"{value:,g} {unit}".strip() if isinstance(value, float) else f"{value:,} {unit}".strip()


def _code(text: str) -> str:
    """As code in a cell, where a bar would end the cell."""
    return f"`{text}`".replace("|", "\\|") if text else ""
