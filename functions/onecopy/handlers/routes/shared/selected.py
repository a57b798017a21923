"""Requests whose objects are given by selectionCriteria: which these are, and how they are answered."""

from collections.abc import Callable, Sequence
from typing import Any

from onecopy.domain.errors import NMSError
from onecopy.domain.ids import ModSeq, ObjectId
from onecopy.domain.link import Link
from onecopy.domain.selection import Selection
from onecopy.handlers.edge.request import Answer, Request
from onecopy.store.commit.once import Plan
from onecopy.store.search import objects as search
from onecopy.wire import outward, selection

Done = tuple[int, outward.Json] | NMSError


def asked(request: Request, raw: Any) -> Selection:
    """The selectionCriteria in `raw`. Raises InvalidInput."""
    return selection.matching(raw, "objects", request.cursors)


def find(request: Request, asked: Selection) -> tuple[dict[ObjectId, ModSeq], str | None]:
    """The objects that meet the criteria, in their order, with their lastModSeqs, and the cursor that finds
    the others, if there are more. None of both finds what is made after this request began.
    """
    found: dict[ObjectId, ModSeq] = {}

    def take(link: Link) -> bool:
        found[link.object_id] = link.last_mod_seq
        return True

    rest = search.objects(request.store, request.key, asked, take)
    return found, request.cursors.write(rest, asked.purpose) if rest else None


def plan(request: Request, asked: Selection, check: Callable[[], None]) -> Plan:
    """What `find` finds, after `check`. A repeat of the request gets what its first try found."""

    def make() -> Plan:
        check()
        found, cursor = find(request, asked)
        return Plan([*found], cursor)

    return request.store.once.plan(make) if request.store.once else make()


def answer_each(
    request: Request, object_ids: Sequence[ObjectId], done: Sequence[Done], cursor: str | None
) -> Answer:
    """An item for each object. One that failed says which object it is about."""
    items = [_item(request, *one) for one in zip(object_ids, done, strict=True)]
    return _answer(items, cursor)


def answer_failed(
    request: Request, object_ids: Sequence[ObjectId], done: Sequence[Done], cursor: str | None
) -> Answer:
    """How many objects were done, and an item for each that was not. The client learns of the others from
    the changes of the box.
    """
    pairs = list(zip(object_ids, done, strict=True))
    failed = [_item(request, *pair) for pair in pairs if isinstance(pair[1], NMSError)]
    return _answer(failed, cursor, count=len(pairs) - len(failed))


def _item(request: Request, object_id: ObjectId, done: Done) -> outward.Json:
    item = outward.response(done)
    return item | {"resourceURL": request.urls.object(object_id)} if isinstance(done, NMSError) else item


def _answer(items: list[outward.Json], cursor: str | None, **more: Any) -> Answer:
    rest = {"cursor": cursor} if cursor else {}
    return Answer(200, {"bulkResponseList": {"response": items, **more, **rest}})
