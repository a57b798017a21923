"""Follows a box with preferences, or under a policy: what it has been told, and what it should have been."""

from tests.clients.box_client import BoxClient, Json, id_of

Known = dict[str, Json]


def prefer(box: BoxClient, name: str = "phone", **given: object) -> None:
    box.put(f"/preferences/{name}", {"preferences": given}).raise_for_status()


def page(box: BoxClient, token: str | None = None, **query: object) -> tuple[list[Json], str, bool]:
    asked = {"restartToken": token, **query}
    answer = box.get("/changes", params={name: value for name, value in asked.items() if value is not None})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"nmsEventList", "more"}, "with preferences or a policy there is no digest"
    return body["nmsEventList"]["nmsEvent"], body["nmsEventList"]["restartToken"], body["more"]


def follow(box: BoxClient, token: str | None = None, **query: object) -> tuple[list[Json], str]:
    events: list[Json] = []
    while True:
        found, token, more = page(box, token, **query)
        events += found
        if not more:
            return events, token


def latest(box: BoxClient, **query: object) -> str:
    """A token after which nothing is repeated."""
    return follow(box, follow(box, **query)[1], **query)[1]


def objects(events: list[Json]) -> list[str]:
    """The ids of the objects in these events, in their order."""
    return [
        id_of(facts["resourceURL"]) for event in events for kind, facts in event.items() if "Object" in kind
    ]


def dated(day: str, context: str | None = None) -> Json:
    attributes = [{"name": "Date", "value": [f"{day}T12:00:00Z"]}]
    if context:
        attributes.append({"name": "message-context", "value": [context]})
    return {"attributes": {"attribute": attributes}}
