"""Presigned URLs as AWS accepts them: an emulator has no regions, and its credentials do not expire."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from onecopy.domain.content import Content, ContentKey, Part
from onecopy.domain.ids import ContentId
from onecopy.handlers.edge.composition import S3_CONFIG
from onecopy.store.box.contents import Contents

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
PART = Part("text/plain", 5, "sha256:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")
CONTENT = Content(ContentKey("inline/0123456789abcdef"), ContentId("1"), (PART,))
REGIONS = ["us-east-1", "eu-central-1", "eu-south-2", "il-central-1", "us-gov-west-1"]


@cache
def client(region: str) -> Any:
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    return session.create_client("s3", region_name=region, config=S3_CONFIG)


def contents(region: str, minutes: int, credentials: RefreshableCredentials | None = None) -> Contents:
    return Contents(client(region), "messages", timedelta(minutes=minutes), credentials)


def ending(end: datetime) -> RefreshableCredentials:
    """Credentials like those of a function that starts from a snapshot."""

    def refresh() -> dict[str, str]:
        return {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": end.isoformat()}

    return RefreshableCredentials("a", "b", "c", end, refresh, "container", lambda: NOW)


@pytest.mark.parametrize("region", REGIONS)
def test_a_url_names_the_buckets_own_host_in_its_region(region: str) -> None:
    """The global host redirects while a bucket is new, and always for a region of another partition."""
    signing = contents(region, 5)
    hrefs = [
        signing.href(CONTENT, 1, NOW),
        signing.upload_href(ContentKey("direct/0123456789abcdef"), 1, PART, NOW, NOW + timedelta(days=1)),
    ]
    assert {urlsplit(each.href).netloc for each in hrefs} == {f"messages.s3.{region}.amazonaws.com"}


@settings(deadline=None)
@given(wanted=st.integers(1, 60), left=st.integers(20, 400), until=st.integers(1, 90))
def test_no_url_outlives_the_credentials_that_sign_it(wanted: int, left: int, until: int) -> None:
    signing = contents("eu-central-1", wanted, ending(NOW + timedelta(minutes=left)))
    window = NOW + timedelta(minutes=until)
    got = signing.href(CONTENT, 1, NOW)
    put = signing.upload_href(ContentKey("direct/0123456789abcdef"), 1, PART, NOW, window)
    assert got.expires - NOW == timedelta(minutes=min(wanted, left))
    assert put.expires - NOW == timedelta(minutes=min(wanted, left, until))
    for each in (got, put):
        [seconds] = parse_qs(urlsplit(each.href).query)["X-Amz-Expires"]
        assert each.expires == NOW + timedelta(seconds=int(seconds))


def test_a_url_is_told_to_end_when_it_does() -> None:
    signing = contents("eu-central-1", 60, ending(NOW + timedelta(minutes=20, seconds=7, microseconds=9)))
    assert signing.href(CONTENT, 1, NOW).expires == NOW + timedelta(minutes=20, seconds=7)
