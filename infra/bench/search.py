"""What searches cost in `make bench`: by an index, and by reading on."""

from typing import Any

from infra.bench.in_process import Api
from infra.bench.meter import Counts, meter
from onecopy.store.search.objects import AT_ONCE


def newest(api: Api, box: str) -> Counts:
    with meter() as counts:
        answer = _search(api, box, {"maxEntries": 10})
    if len(answer["object"]) != 10:
        raise RuntimeError("the search for the newest did not fill its page")
    return counts


def text(api: Api, box: str) -> tuple[Counts, int]:
    """One page that finds nothing, and how many links it has read."""
    criterion = {"type": "AllTextAttributes", "value": "nothing that any message holds"}
    asked = {"maxEntries": 10, "searchCriteria": {"criterion": [criterion]}}
    with meter() as counts:
        _search(api, box, asked)
    return counts, AT_ONCE * counts.calls["dynamodb BatchGetItem"]


def _search(api: Api, box: str, asked: dict[str, Any]) -> Any:
    return api.ask("POST", box, "/objects/operations/search", {"selectionCriteria": asked}).json["objectList"]
