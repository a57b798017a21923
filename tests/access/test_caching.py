"""No cache stores the API's answers: each is for one user, and the next change makes it out of date."""

from collections.abc import Iterator

import httpx
import pytest

from onecopy.handlers.edge.request import Answer, sent
from tests.clients.box_client import STORE, BoxClient
from tests.clients.uploading import announced, begin


def answers(client: BoxClient) -> Iterator[httpx.Response]:
    url = client.text_object()
    folder = {"folder": {"parentFolderPath": STORE, "name": "f"}}
    yield client.get(url)
    yield client.get("/changes")
    yield client.get(f"{url}/payload")
    yield client.get(f"{url}/flags/none")
    yield client.put(f"{url}/flags/x")
    yield client.put(f"{url}/flags/x")
    yield client.post("/folders", folder)
    yield client.post("/folders", folder)
    yield client.post("/folders", {})
    yield client.put("/folders")
    yield client.get("/none")
    yield client.get(url, headers={"accept": "application/xml"})
    yield client.get(url, headers={"accept-encoding": "gzip"})
    yield client.delete(url, headers={"if-match": '"1"'})
    yield client.delete(url)
    yield client.get(begin(client, announced())["resourceURL"])
    yield client.get(client.base.rpartition("/")[0] + "/tel:+1/changes")


@pytest.mark.whole
def test_every_answer_says_so(client: BoxClient) -> None:
    given = list(answers(client))

    assert {answer.status_code for answer in given} >= {200, 201, 204, 307, 400, 403, 404, 405, 409, 412}
    assert [answer for answer in given if answer.headers.get("cache-control") != "no-store"] == []


@pytest.mark.parametrize(("status", "said"), [(500, "no-store"), (503, "no-store"), (304, None)])
def test_also_a_failure_but_not_what_stands_for_an_earlier_answer(status: int, said: str | None) -> None:
    headers, _ = sent(Answer(status), {}, "c-1")

    assert headers.get("cache-control") == said
    assert headers["x-correlation-id"] == "c-1"
