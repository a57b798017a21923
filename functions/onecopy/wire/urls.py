"""resourceURLs: written with the real box id, and read whatever host they name."""

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from onecopy.domain.errors import InvalidInput
from onecopy.domain.ids import FolderId, ObjectId, is_id


class NoSuchId(InvalidInput):
    """A well-formed URL of this box, but with an id that no box ever gives out."""


OWN_BOX = "acr:auth"
"""The reserved box id that means the caller's own."""


@dataclass(frozen=True)
class Urls:
    """`own_box` is the caller's box, if it has one: what `acr:auth` in a reference means."""

    server_root: str
    store: str
    box_id: str
    own_box: str | None

    @property
    def base(self) -> str:
        return f"{self.server_root}/nms/v1/{quote(self.store, safe='')}/{quote(self.box_id, safe='')}"

    def folder(self, folder_id: FolderId) -> str:
        return f"{self.base}/folders/{folder_id}"

    def object(self, object_id: ObjectId) -> str:
        return f"{self.base}/objects/{object_id}"

    def flags(self, object_id: ObjectId) -> str:
        return f"{self.object(object_id)}/flags"

    def flag(self, object_id: ObjectId, name: str) -> str:
        return f"{self.flags(object_id)}/{quote(name, safe='')}"

    def payload(self, object_id: ObjectId) -> str:
        return f"{self.object(object_id)}/payload"

    def payload_part(self, object_id: ObjectId, number: int) -> str:
        return f"{self.object(object_id)}/payloadParts/{number}"

    def upload(self, object_id: ObjectId) -> str:
        return f"{self.base}/uploads/{object_id}"

    def subscription(self, subscription_id: str) -> str:
        return f"{self.base}/subscriptions/{subscription_id}"

    def preferences(self, name: str) -> str:
        return f"{self.base}/preferences/{name}"

    def folder_id(self, url: str, part: str) -> FolderId:
        return FolderId(self._id(url, "folders", part))

    def object_id(self, url: str, part: str) -> ObjectId:
        return ObjectId(self._id(url, "objects", part))

    def _id(self, url: str, collection: str, part: str) -> str:
        """The id at the end of a resourceURL of this box, decoded exactly once. Raises InvalidInput."""
        try:
            split = urlsplit(url)
        except ValueError as error:
            raise InvalidInput(part) from error
        segments = [unquote(segment) for segment in split.path.split("/")]
        boxes = {self.box_id} | ({OWN_BOX} if self.own_box == self.box_id else set())
        good = (
            len(segments) == 7
            and segments[:4] == ["", "nms", "v1", self.store]
            and segments[4] in boxes
            and segments[5] == collection
            and not split.query
            and not split.fragment
        )
        if not good:
            raise InvalidInput(part)
        if not is_id(segments[6]):
            raise NoSuchId(part)
        return segments[6]
