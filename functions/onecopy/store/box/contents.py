"""Puts, presigns and deletes content in S3: one object for each payload part, under keys never used again.

A function puts `inline/…`, a client puts `direct/…` with a presigned PUT. Only `direct/…` sends events to the
arrival queue.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from onecopy.domain.content import Content, ContentKey, Part, file_name

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef
else:
    S3Client = Any

INLINE, DIRECT = "inline/", "direct/"
_PUTS_AT_ONCE = 8
_SHORTEST = timedelta(seconds=1)
"""S3 takes no shorter lifetime of a URL."""

_SHOWN_IN_PLACE = ("image/", "audio/", "video/")


@dataclass(frozen=True)
class Href:
    """A presigned URL, valid until `expires`. `headers`: those that the client must send with a PUT."""

    href: str
    expires: datetime
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Contents:
    """`credentials` sign the URLs, and no URL outlives them."""

    client: S3Client
    bucket: str
    lifetime: timedelta
    credentials: Any = None

    def put(self, bodies: Iterable[tuple[str, Part, bytes]]) -> None:
        """Puts all bodies (key, part, bytes), several at once. S3 checks each against its checksum."""
        with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
            for _ in pool.map(self._put, bodies):
                pass

    def _put(self, body: tuple[str, Part, bytes]) -> None:
        key, part, data = body
        self.client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=data,
            ContentType=part.content_type,
            ChecksumSHA256=part.checksum.removeprefix("sha256:"),
        )

    def href(self, content: Content, number: int, now: datetime, head: bool = False) -> Href:
        """A presigned GET of the `number`-th part (from 1), with its type and a safe disposition. A signature
        holds for one method, so a HEAD needs its own.
        """
        part = content.parts[number - 1]
        lifetime = self._signed_for(now, self.lifetime)
        url = self.client.generate_presigned_url(
            "head_object" if head else "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": content.bucket_key(number),
                "ResponseContentType": part.content_type,
                "ResponseContentDisposition": safe_disposition(part),
            },
            ExpiresIn=int(lifetime.total_seconds()),
        )
        return Href(url, now + lifetime, {})

    def upload_href(self, key: ContentKey, number: int, part: Part, now: datetime, until: datetime) -> Href:
        """A presigned PUT bound to the part's length, type and checksum. Works once, not after `until`."""
        lifetime = self._signed_for(now, min(self.lifetime, until - now))
        checksum = part.checksum.removeprefix("sha256:")
        url = self.client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self.bucket,
                "Key": f"{key}/{number}",
                "ContentType": part.content_type,
                "ContentLength": part.size,
                "ChecksumSHA256": checksum,
                "IfNoneMatch": "*",
            },
            ExpiresIn=int(lifetime.total_seconds()),
        )
        headers = {
            "content-type": part.content_type,
            "content-length": str(part.size),
            "x-amz-checksum-sha256": checksum,
            "if-none-match": "*",
        }
        return Href(url, now + lifetime, headers)

    def _signed_for(self, now: datetime, wanted: timedelta) -> timedelta:
        """The lifetime wanted, in whole seconds, but no longer than the credentials last: once they have
        expired, S3 refuses a URL whatever it says itself.
        """
        if self.credentials:
            self.credentials.get_frozen_credentials()  # fetches new ones in time
        if end := getattr(self.credentials, "_expiry_time", None):  # botocore has no public name for it
            wanted = min(wanted, end - now)
        return max(timedelta(seconds=wanted // _SHORTEST), _SHORTEST)

    def sizes(self, key: ContentKey) -> dict[int, int]:
        """The sizes in bytes of a content's parts in the bucket, by part number. One call to S3."""
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=f"{key}/").get("Contents", ())
        return {int(each["Key"].rpartition("/")[2]): each["Size"] for each in found}

    def delete(self, keys: Sequence[str]) -> None:
        """Deletes the keys that exist. Deleting twice does no harm. Raises OSError if one was not deleted."""
        for start in range(0, len(keys), 1000):
            objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + 1000]]
            answer = self.client.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": objects, "Quiet": True},
            )
            if errors := answer.get("Errors"):
                raise OSError(f"{len(errors)} objects were not deleted: {errors[0].get('Code')}")


def safe_disposition(part: Part) -> str:
    """`inline` only for types that a browser does not run. The encoded name cannot inject a header."""
    kind = part.content_type.split(";")[0].strip().lower()
    in_place = kind == "text/plain" or (kind.startswith(_SHOWN_IN_PLACE) and not kind.startswith("image/svg"))
    disposition = "inline" if in_place else "attachment"
    name = file_name(part.content_disposition)
    return f"{disposition}; filename*=UTF-8''{quote(name, safe='')}" if name else disposition
