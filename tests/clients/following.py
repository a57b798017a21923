"""Follows a box by `/changes`, page by page, and reads what the pages hold.

Following also proves that nothing is missing. It keeps, by token, what the pages have told up to it. If an
answer holds the digest of the box, that must equal the digest of what was told.
"""

import hashlib

from tests.clients.box_client import BoxClient, Json

Known = dict[str, tuple[int, bool]]
"""The last known lastModSeq of each thing, and whether the thing exists."""

_KNOWN: dict[tuple[str, str], Known] = {}


def page(box: BoxClient, token: str | None = None, most: int | None = None) -> tuple[list[Json], str, bool]:
    asked = {"restartToken": token, "maxEntries": most}
    answer = box.get("/changes", params={name: value for name, value in asked.items() if value is not None})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() - {"digest"} == {"nmsEventList", "more"}
    assert body["nmsEventList"].keys() == {"nmsEvent", "restartToken"}
    events, after = body["nmsEventList"]["nmsEvent"], body["nmsEventList"]["restartToken"]
    known = {} if token is None else _KNOWN.get((box.base, token))
    if known is not None:
        known = _KNOWN[box.base, after] = applied(known, events)
        assert "digest" not in body or body["digest"] == digest(known)
    return events, after, body["more"]


def applied(known: Known, events: list[Json]) -> Known:
    after = dict(known)
    for event in events:
        ((kind, facts),) = event.items()
        if kind == "resetBox":
            after = {}
            continue
        thing = " ".join(facts["resourceURL"].rsplit("/", 2)[1:]).replace("s ", " ", 1)
        if facts["lastModSeq"] > after.get(thing, (0, False))[0]:
            after[thing] = facts["lastModSeq"], kind.startswith("changed")
    return after


def digest(known: Known) -> Json:
    """The digest as the contract defines it, computed from what was told."""
    there = {thing: seq for thing, (seq, is_there) in known.items() if is_there}
    weights = (hashlib.sha256(f"{thing} {seq}".encode()).digest()[:8] for thing, seq in there.items())
    total = sum(int.from_bytes(weight, "big") for weight in weights) % 2**64
    count = {kind: sum(thing.startswith(kind) for thing in there) for kind in ("folder", "object")}
    return {"folders": count["folder"], "objects": count["object"], "sum": f"{total:016x}"}


def follow(box: BoxClient, token: str | None, most: int = 1000) -> tuple[list[Json], str]:
    """All events up to now, and the token after them."""
    events: list[Json] = []
    while True:
        found, token, more = page(box, token, most)
        events += found
        if not more:
            return events, token


def listing(box: BoxClient, most: int = 1000) -> tuple[list[Json], str]:
    return follow(box, None, most)


def now(box: BoxClient) -> str:
    """A token after which nothing is repeated: the one after the first delta."""
    return follow(box, listing(box)[1])[1]


def since(box: BoxClient, token: str) -> list[Json]:
    return follow(box, token)[0]


def names(events: list[Json]) -> list[str]:
    return [next(iter(event)) for event in events]


def told(events: list[Json], kind: str) -> list[Json]:
    return [event[kind] for event in events if kind in event]


def shown(box: BoxClient, url: str) -> Json:
    """An object as GET shows it, without what only GET shows: its path and checksums."""
    facts: Json = box.get(url).raise_for_status().json()["object"]
    del facts["path"]
    for part in facts.get("payloadPart", []):
        del part["checksum"]
    return facts
