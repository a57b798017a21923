"""NMS's JSON into the domain: what a client may say, and how much of it. Everything else is InvalidInput."""

import json
import re
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from onecopy.domain.content import Part
from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import Attributes, split_path
from onecopy.domain.link import MOST_FLAGS, Flags, NewObject, flag_set

JSON_LIMIT = 1_000_000
"""Bytes of a JSON body."""

MOST_REFERENCES = 1000
MOST_HREFS = 100
MOST_PARTS = 100
"""Of one object."""

MOST_PER_PAGE = 1000
_DEPTH = 64
_ATTRIBUTES_BYTES = 300_000
_PARTS_BYTES = 40_000
_LARGEST_UPLOAD = 5_000_000_000
_LONGEST_DISPOSITION = 4000
_CONTENT_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+( *;([ -~]*[!-~])?)?")
# A text without an end is taken to the end, once: to look again behind each of its quotes takes minutes.
_OPENING = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)

Text255 = Annotated[str, StringConstraints(strict=True, max_length=255)]
Url = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000)]
FlagName = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"),
]


class _Nms(BaseModel):
    """camelCase outside, snake_case inside; what we don't know is passed over."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", hide_input_in_errors=True)


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth is no number")
    return value


Number = Annotated[int, BeforeValidator(_no_bool)]
"""Also as a string, as a carrier sends it."""


class _Attribute(_Nms):
    name: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255)]
    value: list[Annotated[str, StringConstraints(strict=True)]]


class _AttributeList(_Nms):
    attribute: Annotated[list[_Attribute], Field(max_length=200)] = []


class _FlagList(_Nms):
    flag: Annotated[list[FlagName], Field(max_length=MOST_FLAGS)] = []


class _Part(_Nms):
    content_type: Annotated[str, StringConstraints(strict=True)]
    size: Annotated[Number, Field(ge=1, le=_LARGEST_UPLOAD)]
    checksum: Annotated[str, StringConstraints(pattern=r"^sha256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
    content_id: str | None = None
    content_disposition: str | None = None


class ObjectIn(_Nms):
    parent_folder: Url | None = None
    parent_folder_path: str | None = None
    attributes: _AttributeList = _AttributeList()
    flags: _FlagList = _FlagList()
    correlation_id: Text255 | None = None
    correlation_tag: Text255 | None = None
    payload_part: Annotated[list[_Part], Field(min_length=1, max_length=MOST_PARTS)] | None = None

    def given(self) -> NewObject:
        return NewObject(
            attributes=_attributes(self.attributes),
            flags=flag_set(self.flags.flag),
            correlation_id=self.correlation_id,
            correlation_tag=self.correlation_tag,
        )

    def parts(self) -> tuple[Part, ...]:
        return checked_parts(
            tuple(
                Part(p.content_type, p.size, p.checksum, p.content_id, p.content_disposition)
                for p in self.payload_part or ()
            )
        )


class _ObjectBody(_Nms):
    object: ObjectIn


class _ObjectList(_Nms):
    object: Annotated[list[Any], Field(min_length=1, max_length=MOST_REFERENCES)]


class _ObjectListBody(_Nms):
    object_list: _ObjectList


class FolderIn(_Nms):
    parent_folder: Url | None = None
    parent_folder_path: str | None = None
    name: Annotated[str, StringConstraints(strict=True)] | None = None
    attributes: _AttributeList = _AttributeList()

    def given_attributes(self) -> Attributes:
        return _attributes(self.attributes)


class _FolderBody(_Nms):
    folder: FolderIn


class _NameBody(_Nms):
    name: Annotated[str, StringConstraints(strict=True)]


class _FlagListBody(_Nms):
    flag_list: _FlagList


class Reference(_Nms):
    resource_url: Annotated[str, StringConstraints(strict=True, max_length=2000)] = Field(alias="resourceURL")


class _FolderReferences(_Nms):
    folder_reference: list[Reference] = []


class _ObjectReferences(_Nms):
    object_reference: list[Reference] = []


class _SourceRefs(_Nms):
    folders: _FolderReferences = _FolderReferences()
    objects: _ObjectReferences = _ObjectReferences()


class _TargetSourceRef(_Nms):
    target_ref: Reference
    source_refs: _SourceRefs


class _TargetSourceBody(_Nms):
    target_source_ref: _TargetSourceRef


class _ObjectReferencesBody(_Nms):
    objects: _ObjectReferences


class _PathList(_Nms):
    path: Annotated[list[str], Field(min_length=1)]


class _PathListBody(_Nms):
    path_list: _PathList


class _Criterion(_Nms):
    type: str
    name: str = ""
    value: str


class _SearchCriteria(_Nms):
    criterion: list[_Criterion]


class _SelectionCriteria(_Nms):
    max_entries: Annotated[Number, Field(ge=1)]
    from_cursor: str | None = None
    search_criteria: _SearchCriteria | None = None
    search_scope: Reference | None = None


class _SelectionCriteriaBody(_Nms):
    selection_criteria: _SelectionCriteria


class _CallbackReference(_Nms):
    notify_url: Url = Field(alias="notifyURL")
    callback_data: str | None = None
    notification_format: str | None = None


class SubscriptionIn(_Nms):
    callback_reference: _CallbackReference
    duration: Annotated[Number, Field(ge=0)] | None = None
    filter: Any = None
    client_correlator: Text255 | None = None
    restart_token: str | None = None


class _SubscriptionBody(_Nms):
    nms_subscription: SubscriptionIn


class SubscriptionUpdateIn(_Nms):
    duration: Annotated[Number, Field(ge=0)] | None = None
    restart_token: str | None = None


class _SubscriptionUpdateBody(_Nms):
    nms_subscription_update: SubscriptionUpdateIn


_ModelT = TypeVar("_ModelT", bound=BaseModel)


def loads(body: bytes | str, what: str) -> Any:
    """JSON that is UTF-8, not too deep, without lone surrogates or NaN."""
    try:
        text = body.decode() if isinstance(body, bytes) else body
        _check_depth(text, what)
        raw = json.loads(text, parse_constant=lambda _: _refuse(what))
        json.dumps(raw, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput(what) from error
    return raw


def _refuse(what: str) -> None:
    raise InvalidInput(what)


def _check_depth(text: str, what: str) -> None:
    depth = 0
    for match in _OPENING.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > _DEPTH:
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
    return _parse(_ObjectBody, raw).object


def object_list(raw: Any) -> list[ObjectIn | InvalidInput]:
    """Each object by itself: one that is wrong is its own item's fault."""
    return [_object_item(item) for item in _parse(_ObjectListBody, raw).object_list.object]


def _object_item(raw: Any) -> ObjectIn | InvalidInput:
    try:
        return _parse(ObjectIn, raw)
    except InvalidInput as error:
        return error


def folder_body(raw: Any) -> FolderIn:
    return _parse(_FolderBody, raw).folder


def name_body(raw: Any) -> str:
    return _parse(_NameBody, raw).name


def flag_list(raw: Any) -> Flags:
    return flag_set(_parse(_FlagListBody, raw).flag_list.flag)


def flag_name(name: str) -> str:
    """One that its own resource can have in its path."""
    if any(character in name for character in "/?%"):
        raise InvalidInput("flagName")
    return _parse(_FlagList, {"flag": [name]}).flag[0]


def target_source(raw: Any) -> tuple[str, list[str], list[str]]:
    """The target's URL, the folders' and the objects'."""
    given = _parse(_TargetSourceBody, raw).target_source_ref
    folders = [reference.resource_url for reference in given.source_refs.folders.folder_reference]
    objects = [reference.resource_url for reference in given.source_refs.objects.object_reference]
    if not 1 <= len(folders) + len(objects) <= MOST_REFERENCES:
        raise InvalidInput("sourceRefs")
    return given.target_ref.resource_url, folders, objects


def object_references(raw: Any, most: int) -> list[str]:
    found = [r.resource_url for r in _parse(_ObjectReferencesBody, raw).objects.object_reference]
    if not 1 <= len(found) <= most:
        raise InvalidInput("objectReference")
    return found


def path_list(raw: Any) -> list[str]:
    paths = _parse(_PathListBody, raw).path_list.path
    if len(paths) > MOST_REFERENCES:
        raise InvalidInput("pathList")
    return paths


def root_search(raw: Any) -> None:
    """Refuses every search for folders but the one that all servers must have: for `Root` = `Yes`."""
    given = _parse(_SelectionCriteriaBody, raw).selection_criteria
    if given.from_cursor is not None:
        raise InvalidInput("fromCursor")
    if given.search_scope is not None:
        raise InvalidInput("searchScope")
    asked = [
        (one.type.casefold(), one.name.casefold(), one.value.casefold())
        for one in (given.search_criteria.criterion if given.search_criteria else ())
    ]
    if asked != [("attribute", "root", "yes")]:
        raise InvalidInput("searchCriteria")


def subscription(raw: Any) -> SubscriptionIn:
    given = _parse(_SubscriptionBody, raw).nms_subscription
    if given.filter is not None:
        raise InvalidInput("filter")
    if (given.callback_reference.notification_format or "JSON").upper() != "JSON":
        raise InvalidInput("notificationFormat")
    data = given.callback_reference.callback_data
    if data is not None and len(data.encode()) > 1000:
        raise InvalidInput("callbackData")
    return given


def subscription_update(raw: Any) -> SubscriptionUpdateIn:
    return _parse(_SubscriptionUpdateBody, raw).nms_subscription_update


def duration(seconds: int | None) -> timedelta | None:
    """Nothing or 0: as long as it may be (OMA's common definitions)."""
    return timedelta(seconds=min(seconds, 10**9)) if seconds else None


def count(text: str | None, part: str) -> int:
    """maxEntries: 100 if absent, at most 1,000."""
    if text is None:
        return 100
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise InvalidInput(part)
    return min(int(text), MOST_PER_PAGE)


def parent_path(path: str) -> tuple[str, ...]:
    return split_path(path, "parentFolderPath")


def checked_parts(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Types and headers that can be given back as headers, and that fit beside the object's attributes."""
    for part in parts:
        content_id, disposition = part.content_id or "", part.content_disposition or ""
        headers = (part.content_type, content_id, disposition)
        if not _CONTENT_TYPE.fullmatch(part.content_type) or any(_has_control(text) for text in headers):
            raise InvalidInput("payloadPart")
        if max(len(part.content_type), len(content_id)) > 255 or len(disposition) > _LONGEST_DISPOSITION:
            raise InvalidInput("payloadPart")
    if sum(len(repr(part).encode()) for part in parts) > _PARTS_BYTES:
        raise InvalidInput("payloadPart")
    return parts


def _has_control(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _attributes(given: _AttributeList) -> Attributes:
    found = tuple((attribute.name, tuple(attribute.value)) for attribute in given.attribute)
    if any(len(value.encode()) > 32_000 for _, values in found for value in values):
        raise InvalidInput("attributes")
    written = json.dumps([[name, list(values)] for name, values in found], ensure_ascii=False)
    if len(written.encode()) > _ATTRIBUTES_BYTES:
        raise InvalidInput("attributes")
    return found
