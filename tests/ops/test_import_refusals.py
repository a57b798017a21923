"""An import that cannot run says why in one line, exits with 1, and leaves the box as it was."""

import tempfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from infra.ops.cli import main
from tests.clients import backups
from tests.clients.backups import sms, written
from tests.clients.box_client import ALL, NETWORK, new_box
from tests.clients.importing import Phone

Refused = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, sms("hello"))


@pytest.fixture
def refused(
    phone: Phone,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Refused:
    """Run an import that fails; returns its line. It must print, store and leave behind nothing else."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))

    def run(file: Path, *more: str, **options: str) -> str:
        given = {"box": phone.box.box, "url": phone.stack.url, **options}
        named = [word for name, value in given.items() for word in (f"--{name}", value)]
        assert main(["import", str(file), *named, *more]) == 1
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert phone.objects() == []
        assert not list(Path(tempfile.gettempdir()).glob("onecopy-import-*"))
        return said.err.removeprefix("onecopy import: ").strip()

    return run


def test_a_file_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    assert (
        refused(tmp_path / "none.xml") == f"{tmp_path / 'none.xml'} cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b\x08", b"<smses count='0'></smses>"])
def test_a_file_with_nothing_readable(refused: Refused, tmp_path: Path, content: bytes) -> None:
    file = backups.written_bytes(tmp_path / "any", content)
    assert refused(file).startswith("nothing readable in the file")


def test_a_file_that_declares_entities(refused: Refused, tmp_path: Path) -> None:
    bomb = backups.document(sms()).replace("<smses", '<!DOCTYPE smses [<!ENTITY a "a">]><smses', 1)
    file = backups.written_bytes(tmp_path / "any", bomb.encode())
    assert refused(file) == "the file declares a document type or entities, which no backup does"


def test_an_address_where_nobody_listens_is_told_at_once(refused: Refused, file: Path) -> None:
    assert refused(file, url="http://127.0.0.1:9").startswith("no store answers at http://127.0.0.1:9: ")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://127.0.0.1", "", "http://", "http://127.0.0.1:x", "http://\x7f"]
)
def test_an_address_that_is_none(refused: Refused, file: Path, url: str) -> None:
    assert url in refused(file, url=url)


def test_a_server_that_is_no_store(refused: Refused, file: Path, website: str) -> None:
    assert refused(file, url=website) == f"{website} gives no token (501); bring one with --token"
    assert refused(file, url=website, token="any").startswith("the box cannot be read: 200")


@pytest.fixture
def website() -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", f"{'x' * 40}-_"])
def test_a_token_that_is_none(refused: Refused, file: Path, token: str) -> None:
    assert refused(file, token=token) == "the store refuses the token"


@pytest.mark.parametrize("token", [" ", "two\nlines", "é"])
def test_a_token_that_cannot_be_one(refused: Refused, file: Path, token: str) -> None:
    assert refused(file, token=token) == "the token is malformed"


def test_a_token_for_another_box(refused: Refused, phone: Phone, file: Path) -> None:
    token = phone.stack.token(new_box(), ALL)
    assert refused(file, token=token) == "the box cannot be read: 403 POL0001"


def test_a_token_that_may_not_store_where_the_network_does(
    refused: Refused, phone: Phone, file: Path
) -> None:
    token = phone.stack.token(phone.box.box, ALL)
    assert refused(file, token=token) == "the store does not allow it: 403 POL1031"


def test_another_store(refused: Refused, file: Path) -> None:
    assert refused(file, store="other") == "the box cannot be read: 403 POL0001"


@pytest.mark.parametrize("box", ["", "a/b", "x" * 3000])
def test_a_box_that_cannot_be(refused: Refused, file: Path, box: str) -> None:
    assert refused(file, box=box)


def test_a_token_may_come_by_the_environment(
    phone: Phone, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONECOPY_TOKEN", phone.stack.token(phone.box.box, NETWORK))
    assert main(["import", str(file), "--box", phone.box.box, "--url", phone.stack.url + "/"]) == 0
    assert len(phone.objects()) == 1


def test_a_box_must_be_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["import", str(file)])
    assert ended.value.code == 2
    assert "--box" in capsys.readouterr().err
