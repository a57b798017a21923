"""Reads NMS's JSON into the domain: what a client may send, and how much. Anything else is InvalidInput."""

import json
import math
import re
from datetime import timedelta
from email.message import Message
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from onecopy.domain.errors import InvalidInput, UnsupportedMedia
from onecopy.domain.folder import split_path
from onecopy.domain.link import Flags, flag_set
from onecopy.wire.structures import (
    MOST_REFERENCES,
    BulkDelete,
    BulkDeleteBody,
    BulkUpdate,
    BulkUpdateBody,
    DeliverBody,
    DeliverIn,
    FlagList,
    FlagListBody,
    FolderBody,
    FolderIn,
    NameBody,
    ObjectBody,
    ObjectIn,
    ObjectListBody,
    ObjectReferences,
    ObjectReferencesBody,
    PathListBody,
    SelectionCriteria,
    SelectionCriteriaBody,
    SubscriptionBody,
    SubscriptionIn,
    SubscriptionUpdateBody,
    SubscriptionUpdateIn,
    TargetSourceBody,
)

JSON_LIMIT = 1_000_000
"""Bytes of a JSON body, at most, unless it is a list of paths or references."""

LIST_LIMIT = 4_000_000
"""Bytes of a list of paths or references, at most: a thousand of 4 kB each."""

XML_LIMIT = 2 * JSON_LIMIT
"""Bytes of any XML body, at most: the same request is longer in XML."""

MOST_HREFS = 100
MOST_PER_PAGE = 1000
DEPTH = 64
CALLBACK_DATA_BYTES = 1000
_UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")
# An unclosed string matches up to the end, once: to try again after each of its quotes takes minutes.
_OPENING = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)

_ModelT = TypeVar("_ModelT", bound=BaseModel)


def is_xml(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("application/xml", "text/xml") or kind.endswith("+xml")


def limit(content_type: str, most: int) -> int:
    """Bytes of a body of this type, at most, if JSON may have `most`."""
    return XML_LIMIT if is_xml(content_type) else most


def parse(body: bytes, content_type: str, what: str) -> Any:
    """The body as JSON's values. XML's module is loaded only when XML comes.

    Raises like `loads`, and UnsupportedMedia if the type names a charset that is not read.
    """
    if not is_xml(content_type):
        if not _is_utf8(content_type):
            raise UnsupportedMedia("charset")
        return loads(body, what)
    from onecopy.wire import inward_xml

    return inward_xml.loads(body, content_type, what)


def _is_utf8(content_type: str) -> bool:
    """Whether a text of this type is UTF-8: its charset says so, or says nothing, or is a part of UTF-8."""
    header = Message()
    header["content-type"] = content_type
    charset = header.get_param("charset")
    return not charset or str(charset).strip().lower() in _UTF8


def loads(body: bytes | str, what: str) -> Any:
    """Parses JSON in UTF-8, perhaps with a byte order mark. InvalidInput names `what` it was.

    Refused are lone surrogates, too many levels, NaN, and a number that is too large for a float.
    """
    try:
        text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
        _check_depth(text, what)
        raw = json.loads(text, parse_constant=lambda _: _refuse(what), parse_float=_finite)
        json.dumps(raw, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput(what) from error
    return raw


def _refuse(what: str) -> None:
    raise InvalidInput(what)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("too large")
    return number


def _check_depth(text: str, what: str) -> None:
    depth = 0
    for match in _OPENING.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > DEPTH:
                raise InvalidInput(what)
        elif match[0] in "]}":
            depth -= 1


def _parse(model: type[_ModelT], raw: Any) -> _ModelT:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        where = [str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"]]
        raise InvalidInput(".".join(where) or "body") from None


def object_body(raw: Any) -> ObjectIn:
    return _parse(ObjectBody, raw).object


def deliver_body(raw: Any) -> DeliverIn:
    """Each box id is read by itself: an invalid one fails only its own item."""
    return _parse(DeliverBody, raw).deliver


def object_list(raw: Any) -> list[ObjectIn | InvalidInput]:
    """Reads each object by itself: an invalid one fails only its own item."""
    return [_object_item(item) for item in _parse(ObjectListBody, raw).object_list.object]


def _object_item(raw: Any) -> ObjectIn | InvalidInput:
    try:
        return _parse(ObjectIn, raw)
    except InvalidInput as error:
        return error


def folder_body(raw: Any) -> FolderIn:
    return _parse(FolderBody, raw).folder


def name_body(raw: Any) -> str:
    return _parse(NameBody, raw).name


def flag_list(raw: Any) -> Flags:
    return flag_set(_parse(FlagListBody, raw).flag_list.flag)


def flag_name(name: str) -> str:
    """A flag name that can stand in the path of its own resource. Raises InvalidInput."""
    if any(character in name for character in "/?%"):
        raise InvalidInput("flagName")
    return _parse(FlagList, {"flag": [name]}).flag[0]


def target_source(raw: Any) -> tuple[str, list[str], list[str]]:
    """The URLs of the target folder, of the folders and of the objects; no sources if selectionCriteria say
    what they are.
    """
    given = _parse(TargetSourceBody, raw).target_source_ref
    folders = [reference.resource_url for reference in given.source_refs.folders.folder_reference]
    objects = [reference.resource_url for reference in given.source_refs.objects.object_reference]
    _check_sources(given.selection_criteria, len(folders) + len(objects), "sourceRefs")
    return given.target_ref.resource_url, folders, objects


def object_references(raw: Any, most: int) -> list[str]:
    found = _parse(ObjectReferencesBody, raw).objects
    if not 1 <= len(found.object_reference) <= most:
        raise InvalidInput("objectReference")
    return _urls(found)


def _urls(given: ObjectReferences) -> list[str]:
    return [reference.resource_url for reference in given.object_reference]


def _check_sources(criteria: Any, references: int, part: str) -> None:
    """Raises InvalidInput unless either references or selectionCriteria say what to work on."""
    if references > MOST_REFERENCES or (references > 0) == (criteria is not None):
        raise InvalidInput(part)


def bulk_update(raw: Any) -> tuple[list[str], bool, Flags]:
    """The URLs of the objects, whether to add the flags (or to remove them), and the flags.

    There are no URLs, here and below, if selectionCriteria say which objects these are.
    """
    given = _parse(BulkUpdateBody, raw).bulk_update
    if not given.flags.flag:
        raise InvalidInput("flags")
    return _objects(given), given.operation == "AddFlag", flag_set(given.flags.flag)


def bulk_delete(raw: Any) -> list[str]:
    return _objects(_parse(BulkDeleteBody, raw).bulk_delete)


def _objects(given: BulkUpdate | BulkDelete) -> list[str]:
    urls = _urls(given.objects)
    _check_sources(given.selection_criteria, len(urls), "objects")
    return urls


def path_list(raw: Any) -> list[str]:
    paths = _parse(PathListBody, raw).path_list.path
    if len(paths) > MOST_REFERENCES:
        raise InvalidInput("pathList")
    return paths


def selection_criteria(raw: Any) -> SelectionCriteria:
    """The structure as it was sent; `selection` says what it means."""
    return _parse(SelectionCriteriaBody, raw).selection_criteria


def subscription(raw: Any) -> SubscriptionIn:
    given = _parse(SubscriptionBody, raw).nms_subscription
    data = given.callback_reference.callback_data
    if data is not None and len(data.encode()) > CALLBACK_DATA_BYTES:
        raise InvalidInput("callbackData")
    return given


def subscription_update(raw: Any) -> SubscriptionUpdateIn:
    return _parse(SubscriptionUpdateBody, raw).nms_subscription_update


def duration(seconds: int | None) -> timedelta | None:
    """None if it is absent or 0, which means as long as allowed (OMA's common definitions)."""
    return timedelta(seconds=seconds) if seconds else None


def count(text: str | None, part: str) -> int:
    """maxEntries: 100 if absent, at most 1,000."""
    if text is None:
        return 100
    if not re.fullmatch(r"[0-9]{1,99}", text) or int(text) < 1:
        raise InvalidInput(part)
    return min(int(text), MOST_PER_PAGE)


def parent_path(path: str) -> tuple[str, ...]:
    return split_path(path, "parentFolderPath")
