"""Searches a box, page by page."""

from typing import Any

import httpx

from tests.clients.box_client import BoxClient, Json


def criterion(kind: str, value: Any, name: str | None = None) -> Json:
    return {"type": kind, "value": value, **({"name": name} if name is not None else {})}


def search(
    box: BoxClient, *criteria: Json, operator: str | None = None, what: str = "objects", **more: Any
) -> httpx.Response:
    """`more`: other fields of selectionCriteria. Without `maxEntries`, 100 is asked for."""
    asked: Json = {"maxEntries": 100, **more}
    if criteria:
        asked["searchCriteria"] = {"criterion": list(criteria)}
    if operator:
        asked["searchCriteria"]["operator"] = operator
    return box.post(f"/{what}/operations/search", {"selectionCriteria": asked})


def listed(answer: httpx.Response) -> Json:
    """The list that a successful search answers with."""
    assert answer.status_code == 200, answer.text
    ((_, found),) = answer.json().items()
    assert isinstance(found, dict)
    return found


def pages(box: BoxClient, *criteria: Json, what: str = "objects", **more: Any) -> list[list[Json]]:
    """The entries of all pages, from cursor to cursor."""
    found: list[list[Json]] = []
    more = dict(more)
    while True:
        page = listed(search(box, *criteria, what=what, **more))
        found.append(page.get("object", page.get("folder", page.get("objectReference"))))
        if "cursor" not in page:
            return found
        more["fromCursor"] = page["cursor"]


def found(box: BoxClient, *criteria: Json, **more: Any) -> list[str]:
    """The resourceURLs of all that a search finds, in its order."""
    return [entry["resourceURL"] for page in pages(box, *criteria, **more) for entry in page]


def by(attribute: str | None = None, order: str | None = None) -> Json:
    """sortCriteria of one criterion."""
    one = {"type": "Attribute", "name": attribute} if attribute else {"type": "Date"}
    return {"criterion": [{**one, **({"order": order} if order else {})}]}


def attributes(**values: str) -> Json:
    """An object's or a folder's attributes; an underscore in a name stands for a hyphen."""
    return {"attribute": [{"name": n.replace("_", "-"), "value": [v]} for n, v in values.items()]}
