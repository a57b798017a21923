"""The reference client: a device that mirrors a box from `/changes` alone and fetches a body when asked.

It shows what a client has to do, in order: read a page, apply it in one transaction together with its token,
continue from there. It knows the store's API and nothing else. A failure raises, and leaves the mirror as it
was after the last page: the next sync continues there.
"""

import base64
import hashlib
import json
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

PAGE = 1000
COMMIT_BEING_APPLIED = 0.1
Json = dict[str, Any]

_TABLES = """
CREATE TABLE IF NOT EXISTS token (restart TEXT);
CREATE TABLE IF NOT EXISTS heard (path TEXT PRIMARY KEY, seq INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folder (id TEXT PRIMARY KEY, parent TEXT, name TEXT);
CREATE TABLE IF NOT EXISTS object (id TEXT PRIMARY KEY, folder TEXT, facts TEXT);
CREATE INDEX IF NOT EXISTS object_in_folder ON object (folder);
CREATE TABLE IF NOT EXISTS excluded (named TEXT);
CREATE TABLE IF NOT EXISTS body (content TEXT, part INTEGER, bytes BLOB, PRIMARY KEY (content, part));
"""
_TREE = """
WITH RECURSIVE tree (path, id) AS (SELECT '', id FROM folder WHERE parent IS NULL UNION ALL
    SELECT path || '/' || name, folder.id FROM folder JOIN tree ON folder.parent = tree.id)
"""
_PATHS = f"{_TREE} SELECT path, id FROM tree"  # noqa: S608
_DROP_EXCLUDED = f"""{_TREE}, hidden (id) AS (
    SELECT named FROM excluded UNION SELECT id FROM tree JOIN excluded ON path = named UNION
    SELECT folder.id FROM folder JOIN hidden ON folder.parent = hidden.id)
DELETE FROM object WHERE folder IN (SELECT id FROM hidden)
"""  # noqa: S608

_TOLD = "'{0} ' || id || ' ' || seq FROM {0} JOIN heard ON path = '{0}s/' || id"

_START_ANEW: Json = {"nmsEventList": {"nmsEvent": [{"resetBox": {}}], "restartToken": None}, "more": True}
"""Applied when the store does not know the client's token, for example after a restore from a backup."""


@dataclass
class Wire:
    """Counts requests, and bytes as sent over the wire: compressed, with headers."""

    requests: int = 0
    sent: int = 0
    received: int = 0

    def count(self, answer: httpx.Response) -> None:
        answer.read()
        asked = answer.request
        self.requests += 1
        self.sent += len(f"{asked.method} HTTP/1.1\r\n") + len(asked.url.raw_path) + 1
        self.sent += _size(asked.headers) + len(asked.content)
        self.received += len(f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\r\n")
        self.received += _size(answer.headers) + answer.num_bytes_downloaded


def _size(headers: httpx.Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers.raw) + 2


class DamagedContent(Exception):
    """The received bytes are not those that the store announced."""


class Device:
    """`token` returns a bearer token that is valid now. The mirror is at `path` and survives a restart.

    `preferences`: the name of preferences to follow. The mirror then holds only the objects that they want.
    """

    def __init__(
        self,
        url: str,
        box: str,
        token: Callable[[], str],
        path: Path,
        store: str = "main",
        preferences: str | None = None,
    ) -> None:
        self._preferences = preferences
        self.base = f"{url}/nms/v1/{store}/{quote(box, safe='')}"
        self.api_wire, self.body_wire = Wire(), Wire()
        self._token = token
        self._api = _client(self.api_wire, {"Accept-Encoding": "gzip"})
        self._contents = _client(self.body_wire, {"Accept-Encoding": "identity"})
        self._rows = sqlite3.connect(path)
        self._rows.executescript(_TABLES)

    def close(self) -> None:
        self._api.close()
        self._contents.close()
        self._rows.close()

    # Following the box

    def sync(self, most: int = PAGE) -> int:
        """Take in everything since the last sync, or the whole box; returns the number of events."""
        taken, more = 0, True
        while more:
            events, more = self.take_page(most)
            taken += events
            if more and not events:
                time.sleep(COMMIT_BEING_APPLIED)
        return taken

    def take_page(self, most: int = PAGE) -> tuple[int, bool]:
        """Take in one page; returns the number of its events, and whether there are more.

        A page that ends at the box's last change carries the box's digest. A mirror with another digest is
        wrong, for whatever reason, and starts from scratch.
        """
        page = self._page(most)
        events = page["nmsEventList"]["nmsEvent"]
        self._apply(events, page["nmsEventList"]["restartToken"], self._excluded(events))
        if "digest" in page and page["digest"] != self.digest():
            self._apply(_START_ANEW["nmsEventList"]["nmsEvent"], None)
            return len(events), True
        return len(events), page["more"]

    def _excluded(self, events: Iterable[Json]) -> list[str] | None:
        """Ids and paths of the folders to leave out, asked for when a listing begins; None if it goes on.

        Asked after the page: if the preferences have changed in between, the next page is a resetBox.
        """
        begun = self._rows.execute("SELECT restart FROM token").fetchone()
        if self._preferences is None or (begun and not any("resetBox" in event for event in events)):
            return None
        every = self.ask("GET", f"{self.base}/preferences").json()["preferencesList"]["preferences"]
        own = [one for one in every if one["name"] == self._preferences]
        policy = self.ask("GET", f"{self.base}/policies").json()["policies"].get("syncPolicy", {})
        ids = [_id(url) for one in own for url in one.get("folders", {}).get("exclude", ())]
        return [*ids, *policy.get("folders", {}).get("exclude", ())]

    def digest(self) -> Json:
        """The digest of everything in the mirror, computed as the store does for the box."""
        folders = self._rows.execute(f"SELECT {_TOLD.format('folder')}").fetchall()
        objects = self._rows.execute(f"SELECT {_TOLD.format('object')}").fetchall()
        weights = (hashlib.sha256(told.encode()).digest()[:8] for (told,) in folders + objects)
        total = sum(int.from_bytes(weight, "big") for weight in weights) % 2**64
        return {"folders": len(folders), "objects": len(objects), "sum": f"{total:016x}"}

    def _page(self, most: int) -> Json:
        query = self._since(most)
        try:
            page: Json = self.ask("GET", f"{self.base}/changes", params=query).json()
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code == httpx.codes.BAD_REQUEST and "restartToken" in query:
                return _START_ANEW
            raise
        return page

    def _since(self, most: int) -> dict[str, str]:
        row = self._rows.execute("SELECT restart FROM token").fetchone()
        named = {"preferences": self._preferences} if self._preferences else {}
        return {"maxEntries": str(most)} | named | ({"restartToken": row[0]} if row else {})

    def _apply(
        self, events: Iterable[Json], restart: str | None, excluded: Iterable[str] | None = None
    ) -> None:
        """Apply a page and its token together; after a crash neither is applied, and the page comes again.

        An object that was moved into an excluded folder is told a last time, and dropped here.
        """
        with self._rows:
            for event in events:
                ((kind, facts),) = event.items()
                self._apply_one(kind, facts)
            if excluded is not None:
                self._rows.execute("DELETE FROM excluded")
                self._rows.executemany("INSERT INTO excluded VALUES (?)", ((one,) for one in excluded))
            if self._preferences:
                self._rows.execute(_DROP_EXCLUDED)
            self._rows.execute("DELETE FROM token")
            self._rows.executemany("INSERT INTO token VALUES (?)", [(restart,)] if restart else ())

    def _apply_one(self, kind: str, facts: Json) -> None:
        if kind == "resetBox":  # everything in the mirror is void: an id may now mean something else
            for table in ("heard", "folder", "object", "body"):
                self._rows.execute(f"DELETE FROM {table}")  # noqa: S608
        elif self._is_news(facts):
            if kind == "changedObject":
                self._change_object(_id(facts["resourceURL"]), facts)
            elif kind == "changedFolder":
                parent = _id(facts["parentFolder"]) if "parentFolder" in facts else None
                row = (_id(facts["resourceURL"]), parent, facts["name"])
                self._rows.execute("INSERT OR REPLACE INTO folder VALUES (?, ?, ?)", row)
            elif kind.startswith(("deleted", "expired")):
                table = "folder" if kind.endswith("Folder") else "object"
                self._rows.execute(f"DELETE FROM {table} WHERE id = ?", (_id(facts["resourceURL"]),))  # noqa: S608

    def _is_news(self, facts: Json) -> bool:
        """Compares lastModSeq: an event whose number is not above the last one is late, or came twice.

        A deleted resource keeps its number, so no late event brings it back.
        """
        path = "/".join(facts["resourceURL"].rsplit("/", 2)[1:])
        newer = "ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq"
        heard = f"INSERT INTO heard VALUES (?, ?) {newer}"  # noqa: S608
        return self._rows.execute(heard, (path, int(facts["lastModSeq"]))).rowcount == 1

    def _change_object(self, object_id: str, facts: Json) -> None:
        """A creation lists everything, a change only what can change: what it leaves out stays."""
        row = self._rows.execute("SELECT facts FROM object WHERE id = ?", (object_id,)).fetchone()
        facts = json.loads(row[0]) | facts if row else facts
        row = (object_id, _id(facts["parentFolder"]), json.dumps(facts))
        self._rows.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", row)

    # Reading the mirror, without a request

    def folders(self) -> dict[str, str]:
        """Each folder's path and id, parents before their children."""
        return {path or "/": folder_id for path, folder_id in self._rows.execute(_PATHS)}

    def messages(self, folder_id: str) -> list[Json]:
        """A folder's objects as NMS shows them, by date."""
        rows = self._rows.execute("SELECT facts FROM object WHERE folder = ?", (folder_id,))
        return sorted((json.loads(row[0]) for row in rows), key=lambda facts: attribute(facts, "Date"))

    def message(self, object_id: str) -> Json:
        row = self._rows.execute("SELECT facts FROM object WHERE id = ?", (object_id,)).fetchone()
        if row is None:
            raise KeyError(object_id)
        facts: Json = json.loads(row[0])
        return facts

    def state(self) -> tuple[dict[str, Json], dict[str, tuple[str, str]]]:
        """The whole mirror, to compare with another device's: objects and folders by id."""
        objects = {row[0]: json.loads(row[1]) for row in self._rows.execute("SELECT id, facts FROM object")}
        return objects, {row[0]: (row[1], row[2]) for row in self._rows.execute("SELECT * FROM folder")}

    # Asking the store

    def body(self, object_id: str, part: int = 1) -> bytes:
        """A part of a message, counted from 1. It is kept by contentId, so no copy is ever fetched again."""
        facts = self.message(object_id)
        key = (facts["contentId"], part)
        row = self._rows.execute("SELECT bytes FROM body WHERE content = ? AND part = ?", key).fetchone()
        if row is None:
            row = (self._fetched(facts["payloadPart"][part - 1]["href"]),)
            with self._rows:
                self._rows.execute("INSERT OR IGNORE INTO body VALUES (?, ?, ?)", (*key, *row))
        return bytes(row[0])

    def _fetched(self, href: str) -> bytes:
        """Fetch content straight from S3, without the token; raises if it is not what was stored."""
        granted = self.ask("GET", href, headers={"Accept": "application/json"}).json()
        content = self._contents.get(granted["href"]).raise_for_status().content
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if granted["checksum"] != f"sha256:{digest}":
            raise DamagedContent(href)
        return content

    def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """Send one request with the token; an answer of 400 or above raises."""
        headers = {"Authorization": f"Bearer {self._token()}", **(headers or {})}
        answer = self._api.request(method, url, headers=headers, **content)
        if answer.is_error:
            answer.raise_for_status()
        return answer


def attribute(facts: Json, name: str) -> str:
    """The first value of an attribute; names compare without case."""
    given = facts.get("attributes", {}).get("attribute", ())
    found = (one["value"] for one in given if one["name"].lower() == name.lower())
    return next((value[0] for value in found if value), "")


def _id(resource_url: str) -> str:
    return resource_url.rsplit("/", 1)[1]


def _client(wire: Wire, headers: dict[str, str]) -> httpx.Client:
    return httpx.Client(headers=headers, event_hooks={"response": [wire.count]}, timeout=30, verify=_tls())


@cache
def _tls() -> ssl.SSLContext:
    """The TLS settings, read only once: reading them takes longer than a sync."""
    return httpx.create_ssl_context()
