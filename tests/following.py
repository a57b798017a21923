"""Following a box from `/changes`, page by page, and reading what the pages tell."""

from box_client import BoxClient, Json


def page(box: BoxClient, token: str | None = None, most: int | None = None) -> tuple[list[Json], str, bool]:
    asked = {"restartToken": token, "maxEntries": most}
    answer = box.get("/changes", params={name: value for name, value in asked.items() if value is not None})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"nmsEventList", "more"}
    assert body["nmsEventList"].keys() == {"nmsEvent", "restartToken"}
    return body["nmsEventList"]["nmsEvent"], body["nmsEventList"]["restartToken"], body["more"]


def follow(box: BoxClient, token: str | None, most: int = 1000) -> tuple[list[Json], str]:
    """All events up to now, and the token behind them."""
    events: list[Json] = []
    while True:
        found, token, more = page(box, token, most)
        events += found
        if not more:
            return events, token


def listing(box: BoxClient, most: int = 1000) -> tuple[list[Json], str]:
    return follow(box, None, most)


def now(box: BoxClient) -> str:
    """A token behind which nothing is repeated: one after the first delta."""
    return follow(box, listing(box)[1])[1]


def since(box: BoxClient, token: str) -> list[Json]:
    return follow(box, token)[0]


def names(events: list[Json]) -> list[str]:
    return [next(iter(event)) for event in events]


def told(events: list[Json], kind: str) -> list[Json]:
    return [event[kind] for event in events if kind in event]


def shown(box: BoxClient, url: str) -> Json:
    """An object as GET shows it, without what only GET shows: its path, and checksums."""
    facts: Json = box.get(url).raise_for_status().json()["object"]
    del facts["path"]
    for part in facts.get("payloadPart", []):
        del part["checksum"]
    return facts
