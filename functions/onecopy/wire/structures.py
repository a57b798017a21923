"""NMS's structures as a client may send them: which fields, of what kind, and how large."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from onecopy.domain.content import MOST_PARTS, Part
from onecopy.domain.criteria import MOST_CRITERIA
from onecopy.domain.errors import InvalidInput
from onecopy.domain.folder import READ_ONLY, Attributes
from onecopy.domain.link import MOST_FLAGS, NewObject, flag_set
from onecopy.wire.preferences import NAME

MOST_REFERENCES = 1000
MOST_ATTRIBUTES = 200
LONGEST_NAME = 255
"""Characters of an attribute's name, and of a correlationId or correlationTag."""

LONGEST_FLAG = 128
VALUE_BYTES = 32_000
ATTRIBUTES_BYTES = 300_000
_PARTS_BYTES = 40_000
LARGEST_UPLOAD = 5_000_000_000
_LONGEST_DISPOSITION = 4000
_INTEGER = re.compile(r"[+-]?[0-9]+")
_CONTENT_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+( *;([ -~]*[!-~])?)?")

Text255 = Annotated[str, StringConstraints(strict=True, max_length=LONGEST_NAME)]
Url = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000)]
FlagName = Annotated[
    str,
    StringConstraints(
        strict=True, min_length=1, max_length=LONGEST_FLAG, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"
    ),
]


class _Nms(BaseModel):
    """camelCase outside, snake_case inside; unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", hide_input_in_errors=True)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth is no number")
    if isinstance(value, str) and not _INTEGER.fullmatch(value.strip()):
        raise ValueError("not an integer in plain digits")
    return value


Number = Annotated[int, BeforeValidator(_plain)]
"""An integer, also accepted as a string, as a carrier sends it."""


class Attribute(_Nms):
    name: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=LONGEST_NAME)]
    value: list[Annotated[str, StringConstraints(strict=True)]]


class AttributeList(_Nms):
    attribute: Annotated[list[Attribute], Field(max_length=MOST_ATTRIBUTES)] = []


class FlagList(_Nms):
    flag: Annotated[list[FlagName], Field(max_length=MOST_FLAGS)] = []


class PayloadPart(_Nms):
    content_type: Annotated[str, StringConstraints(strict=True)]
    size: Annotated[Number, Field(ge=1, le=LARGEST_UPLOAD)]
    checksum: Annotated[str, StringConstraints(pattern=r"^sha256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
    content_id: str | None = None
    content_disposition: str | None = None


class ObjectIn(_Nms):
    parent_folder: Url | None = None
    parent_folder_path: str | None = None
    attributes: AttributeList = AttributeList()
    flags: FlagList = FlagList()
    correlation_id: Text255 | None = None
    correlation_tag: Text255 | None = None
    payload_part: Annotated[list[PayloadPart], Field(min_length=1, max_length=MOST_PARTS)] | None = None

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


class ObjectBody(_Nms):
    object: ObjectIn


class Boxes(_Nms):
    box_id: Annotated[list[Any], Field(min_length=1, max_length=MOST_REFERENCES)]


class DeliverIn(_Nms):
    boxes: Boxes
    object: ObjectIn


class DeliverBody(_Nms):
    deliver: DeliverIn


class ObjectList(_Nms):
    object: Annotated[list[Any], Field(min_length=1, max_length=MOST_REFERENCES)]


class ObjectListBody(_Nms):
    object_list: ObjectList


class FolderIn(_Nms):
    parent_folder: Url | None = None
    parent_folder_path: str | None = None
    name: Annotated[str, StringConstraints(strict=True)] | None = None
    attributes: AttributeList = AttributeList()

    def given_attributes(self) -> Attributes:
        """Without those that only the store gives a folder."""
        kept = [one for one in self.attributes.attribute if one.name.casefold() not in READ_ONLY]
        return _attributes(AttributeList(attribute=kept))


class FolderBody(_Nms):
    folder: FolderIn


class NameBody(_Nms):
    name: Annotated[str, StringConstraints(strict=True)]


class FlagListBody(_Nms):
    flag_list: FlagList


class Reference(_Nms):
    resource_url: Annotated[str, StringConstraints(strict=True, max_length=2000)] = Field(alias="resourceURL")


class FolderReferences(_Nms):
    folder_reference: list[Reference] = []


class ObjectReferences(_Nms):
    object_reference: list[Reference] = []


class SourceRefs(_Nms):
    folders: FolderReferences = FolderReferences()
    objects: ObjectReferences = ObjectReferences()


class TargetSourceRef(_Nms):
    """`selection_criteria`, here and below, is read by `selection`."""

    target_ref: Reference
    source_refs: SourceRefs = SourceRefs()
    selection_criteria: Any = None


class TargetSourceBody(_Nms):
    target_source_ref: TargetSourceRef


class ObjectReferencesBody(_Nms):
    objects: ObjectReferences


class BulkUpdate(_Nms):
    objects: ObjectReferences = ObjectReferences()
    operation: Literal["AddFlag", "RemoveFlag"]
    flags: FlagList
    selection_criteria: Any = None


class BulkUpdateBody(_Nms):
    bulk_update: BulkUpdate


class BulkDelete(_Nms):
    objects: ObjectReferences = ObjectReferences()
    selection_criteria: Any = None


class BulkDeleteBody(_Nms):
    bulk_delete: BulkDelete


class PathList(_Nms):
    path: Annotated[list[str], Field(min_length=1)]


class PathListBody(_Nms):
    path_list: PathList


_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def _truth(value: Any) -> Any:
    """A truth, also as XML and some clients write it. Anything else is left to be refused."""
    return _TRUTHS.get(value, value) if isinstance(value, str) else value


Truth = Annotated[bool, BeforeValidator(_truth), Field(strict=True)]
"""A boolean, also accepted as a string."""


class Criterion(_Nms):
    type: str
    name: str = ""
    value: str | bool | None = None


class SearchCriteria(_Nms):
    criterion: Annotated[list[Criterion], Field(min_length=1, max_length=MOST_CRITERIA)]
    operator: str = "And"


class SortCriterion(_Nms):
    type: str
    name: str = ""
    order: str = "Descending"


class SortCriteria(_Nms):
    """`sort_criterion` is an older spelling of the list, or of the whole structure."""

    criterion: Annotated[list[SortCriterion], Field(max_length=MOST_CRITERIA)] = []
    sort_criterion: Annotated[list[SortCriterion], Field(max_length=MOST_CRITERIA)] = []


def _listed(value: Any) -> Any:
    return {"criterion": value} if isinstance(value, list) else value


class SelectionCriteria(_Nms):
    max_entries: Annotated[Number, Field(ge=1)]
    from_cursor: str | None = None
    search_criteria: SearchCriteria | None = None
    search_scope: Reference | None = None
    non_recursive_scope: Truth | None = None
    sort_criteria: SortCriteria | None = None
    sort_criterion: Annotated[SortCriteria, BeforeValidator(_listed)] | None = None

    @property
    def order_given(self) -> SortCriteria | None:
        return self.sort_criteria or self.sort_criterion


class SelectionCriteriaBody(_Nms):
    selection_criteria: SelectionCriteria


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class CallbackReference(_Nms):
    notify_url: Url = Field(alias="notifyURL")
    callback_data: str | None = None
    notification_format: Annotated[Literal["JSON", "XML"], BeforeValidator(_upper)] | None = None


Duration = Annotated[Number, Field(ge=0, lt=2**32)]
"""Seconds, an xsd:unsignedInt."""


def _criteria(value: Any) -> Any:
    """A filter is searchCriteria; some clients write that name once more."""
    return value["searchCriteria"] if isinstance(value, dict) and "searchCriteria" in value else value


class SubscriptionIn(_Nms):
    callback_reference: CallbackReference
    preferences: Annotated[str, StringConstraints(strict=True, pattern=f"^{NAME}$")] | None = None
    duration: Duration | None = None
    filter: Annotated[SearchCriteria | None, BeforeValidator(_criteria)] = None
    client_correlator: Text255 | None = None
    restart_token: str | None = None


class SubscriptionBody(_Nms):
    nms_subscription: SubscriptionIn


class SubscriptionUpdateIn(_Nms):
    duration: Duration | None = None
    restart_token: str | None = None


class SubscriptionUpdateBody(_Nms):
    nms_subscription_update: SubscriptionUpdateIn


def checked_parts(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts, if their types and headers can be sent back as headers and fit beside the attributes.

    Raises InvalidInput.
    """
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


def _attributes(given: AttributeList) -> Attributes:
    found = tuple((attribute.name, tuple(attribute.value)) for attribute in given.attribute)
    if any(len(value.encode()) > VALUE_BYTES for _, values in found for value in values):
        raise InvalidInput("attributes")
    written = json.dumps([[name, list(values)] for name, values in found], ensure_ascii=False)
    if len(written.encode()) > ATTRIBUTES_BYTES:
        raise InvalidInput("attributes")
    return found
