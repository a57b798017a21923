"""Which form a client gets, by its Accept header (RFC 9110, 12.5.1)."""

import subprocess
import sys

import pytest

from onecopy.domain.errors import NotAcceptable
from onecopy.handlers.edge.accept import check_json, chosen

JSON, XML, TEXT_XML = "application/json", "application/xml", "text/xml; charset=utf-8"
CHOICES = [
    ("", JSON),
    ("*/*", JSON),
    ("application/*", JSON),
    ("application/json", JSON),
    ("application/json, application/xml", JSON),
    ("application/xml, application/json", JSON),
    ("application/xml, */*", JSON),
    ("application/xml;q=0.9, application/json;q=0.9", JSON),
    ("application/xml;q=0.8, application/*;q=0.9", JSON),
    ("application/xml;q=0", JSON),
    ("text/html", JSON),
    ("image/svg+xml, */*;q=0.8", JSON),
    ("application/xml;q=., application/json;q=0.1", JSON),
    ("application/xml", XML),
    ("APPLICATION/XML", XML),
    (" application/xml ; charset=utf-8 ", XML),
    ("application/xml, application/json;q=0.9", XML),
    ("application/json;q=0.1, application/xml;q=0.2", XML),
    ("application/xml, */*;q=0.1", XML),
    ("application/xml;version=1;q=0.3, application/json;level=1;q=0.2", XML),
    ("application/json;q=0, */*", XML),
    ("application/xml, text/xml", XML),
    ("text/xml", TEXT_XML),
    ("text/xml, application/xml;q=0.5", TEXT_XML),
    ("text/*", TEXT_XML),
]


@pytest.mark.nms("JSON and XML", "The Accept header chooses between JSON and XML")
@pytest.mark.parametrize(("accept", "kind"), CHOICES)
def test_the_heavier_form_is_chosen_and_json_if_they_weigh_the_same(accept: str, kind: str) -> None:
    assert chosen(accept).content_type == kind


@pytest.mark.parametrize(
    ("accept", "is_refused"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/xml, application/json;q=0.1", False),
        ("application/xml, */*;q=0.1", False),
        ("text/html", False),
        ("application/xml", True),
        ("text/xml", True),
        ("text/xml, application/xml;q=0.1", True),
        ("application/xml, application/json;q=0", True),
    ],
)
def test_what_has_no_xml_is_refused_to_who_takes_only_xml(accept: str, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(NotAcceptable):
            check_json(accept)
    else:
        check_json(accept)


def test_no_start_loads_what_only_xml_needs() -> None:
    """A cold start is paid for by every client, XML by those who ask for it."""
    code = (
        "import sys, onecopy.push.delivery, onecopy.handlers.routes.objects\n"
        "loaded = {name.rpartition('.')[2] for name in sys.modules if name.startswith('onecopy.wire.')}\n"
        "sys.exit(not loaded.isdisjoint({'schema', 'inward_xml', 'outward_xml'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
