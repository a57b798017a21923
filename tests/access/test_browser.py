"""The guide's code in a real browser: a page of an allowed origin lists and fetches, another gets nothing."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.clients.box_client import STORE, BoxClient
from tests.clients.browser import APP, STRANGER, Browser
from tests.clients.following import now, since
from tests.clients.uploading import DATA, announced, begin, object_url

pytestmark = pytest.mark.whole

GUIDE = (Path(__file__).parents[2] / "infra" / "docs" / "browsers.md").read_text()
[BOX] = re.findall(r"```js\n(.*?)```", GUIDE, re.DOTALL)
NOTHING = "TypeError"
"""The only thing that a page learns about an answer that the browser withholds from it."""

REFUSED = """
  const outcome = asked => asked.then(answer => answer.status, error => error.name);
"""


def given(stack: LocalStack, client: BoxClient) -> dict[str, str]:
    return {"base": client.base, "token": stack.token(client.box)}


def test_a_page_lists_its_box_uploads_and_downloads(
    stack: LocalStack, client: BoxClient, browser: Browser
) -> None:
    client.text_object("from the network")
    token = now(client)
    story = """
      const box = new Box(given.base, given.token);
      const listed = (await box.list()).flatMap(event => Object.keys(event));
      const url = await box.upload(new File(["from a ", "page"], "Grüße.txt", { type: "text/plain" }));
      let found = await box.ask(url);
      while (found.status === 404) {
        await new Promise(resolve => setTimeout(resolve, 100));
        found = await box.ask(url);
      }
      const blob = await box.download(url);
      return { listed, url, text: await blob.text(), type: blob.type };
    """

    told = browser.run(APP, BOX, story, **given(stack, client))

    assert sorted(set(told["listed"])) == ["changedFolder", "changedObject"]
    assert (told["text"], told["type"]) == ("from a page", "text/plain")
    assert [event["changedObject"]["resourceURL"] for event in since(client, token)] == [told["url"]]
    (part,) = client.get(told["url"]).json()["object"]["payloadPart"]
    assert (part["contentType"], part["size"]) == ("text/plain", 11)


def test_a_page_sends_and_reads_the_headers_of_the_interface(
    stack: LocalStack, client: BoxClient, browser: Browser
) -> None:
    object_url = client.text_object("0123456789")
    story = """
      const box = new Box(given.base, given.token);
      const shown = (answer, ...names) => [answer.status, ...names.map(name => answer.headers.get(name))];
      const found = await box.ask(given.object);
      const folder = { folder: { parentFolderPath: given.store, name: "made once" } };
      const once = { "idempotency-key": "one" };
      const made = [];
      for (const _ of [1, 2]) made.push(await box.ask(`${given.base}/folders`, "POST", folder, once));
      const stale = await box.ask(given.object, "DELETE", undefined, { "if-match": '"1"' });
      const { href } = await (await box.ask(`${given.object}/payload`)).json();
      const cut = await fetch(href, { headers: { range: "bytes=2-4" } });
      return {
        found: shown(found, "etag", "cache-control", "x-correlation-id"),
        made: made.map(answer => shown(answer, "location")),
        stale: shown(stale, "x-correlation-id"),
        refused: shown(await box.ask(given.object, "PUT", {}), "allow"),
        cut: [...shown(cut, "content-range", "content-disposition"), await cut.text()],
      };
    """

    told = browser.run(APP, BOX, story, object=object_url, store=STORE, **given(stack, client))

    status, etag, stored, correlation = told["found"]
    assert (status, etag, stored) == (200, client.get(object_url).headers["etag"], "no-store")
    assert correlation
    (first, location), again = told["made"]
    assert (first, again) == (201, [201, location])
    assert client.get(location).json()["folder"]["name"] == "made once"
    assert told["stale"][0] == 412
    assert told["refused"] == [405, "DELETE, GET, HEAD"]
    assert told["cut"] == [206, "bytes 2-4/10", "inline", "234"]


def test_a_page_of_another_origin_gets_nothing_and_changes_nothing(
    stack: LocalStack, client: BoxClient, browser: Browser
) -> None:
    body_url = f"{client.text_object('secret')}/payload"
    href = client.get(body_url, headers={"accept": "application/json"}).json()["href"]
    upload, before = begin(client, announced()), now(client)
    story = """
      const box = new Box(given.base, given.token);
      const { href, method, headers } = given.slot;
      return await Promise.all([
        box.ask(`${given.base}/changes`),
        fetch(`${given.base}/changes`),
        box.ask(`${given.base}/folders`, "POST", { folder: { parentFolderPath: given.store } }),
        fetch(given.href),
        fetch(href, { method, headers, body: new Uint8Array(given.size) }),
        fetch(given.issuer, { method: "POST", body: JSON.stringify(given.asked) }),
      ].map(outcome));
    """
    asked: dict[str, Any] = {
        "href": href,
        "slot": upload["part"][0],
        "size": len(DATA),
        "store": STORE,
        "issuer": f"{stack.url}/local/token",
        "asked": {"boxId": client.box, "scope": "oma_rest_nms.all_v1"},
    }

    told = browser.run(STRANGER, BOX + REFUSED, story, **asked, **given(stack, client))

    assert told == [NOTHING] * 6
    assert since(client, before) == []
    assert client.get(object_url(client, upload)).status_code == 404
    assert client.get(upload["resourceURL"]).json()["upload"]["part"]


def test_a_page_that_follows_the_redirect_gets_nothing(
    stack: LocalStack, client: BoxClient, browser: Browser
) -> None:
    """This is why the guide's code asks for JSON."""
    body_url = f"{client.text_object('hello')}/payload"
    story = """
      const headers = { authorization: `Bearer ${given.token}` };
      const left = await fetch(given.body, { headers, redirect: "manual" });
      return [await outcome(fetch(given.body, { headers })), left.type, left.headers.get("location")];
    """

    told = browser.run(APP, REFUSED, story, body=body_url, **given(stack, client))

    assert told == [NOTHING, "opaqueredirect", None]


def test_a_page_gets_a_token_of_the_local_issuer(
    stack: LocalStack, client: BoxClient, browser: Browser
) -> None:
    story = """
      const body = JSON.stringify({ boxId: given.box, scope: "oma_rest_nms.read" });
      const headers = { "content-type": "application/json" };
      const answer = await fetch(given.issuer, { method: "POST", headers, body });
      const { access_token } = await answer.json();
      return (await new Box(given.base, access_token).list()).length;
    """

    told = browser.run(
        APP, BOX, story, issuer=f"{stack.url}/local/token", box=client.box, **given(stack, client)
    )

    assert told >= 3
