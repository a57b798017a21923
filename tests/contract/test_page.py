"""The contract as a page, in a real browser: it shows every operation, and a reader can try each of them."""

import re

import httpx
import pytest

from infra.contract.reading import CONTRACT, contract, operations
from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient
from tests.clients.browser import APP, Browser

TRY = """
  show(given.contract, given.root);
  const field = name => [...document.querySelectorAll(".connection label")]
    .find(label => label.textContent === name).querySelector("input");
  const until = async done => { while (!done()) await new Promise(resolve => setTimeout(resolve, 20)); };
  field("Box").value = given.box;
  field("Scopes").value += " onecopy.network";
  document.getElementById("token").click();
  await until(() => field("Token").value);
  const said = [];
  for (const [name, choice] of given.tries) {
    const form = document.querySelector(`#${name} .attempt`);
    if (choice) {
      form.querySelector("select").value = choice;
      form.querySelector("select").onchange();
    }
    form.querySelector("button").click();
    const answer = form.querySelector(".said");
    await until(() => answer.textContent.length > 1);
    said.push(answer.textContent);
  }
  return said;
"""
TRIES = {
    ("createFolder", 0): (201, "/folders/a4"),
    ("createObject", 2): (201, "/objects/a5"),
    ("createObject", 1): (202, "x-amz-checksum-sha256"),
    ("getFolder", 0): (200, "/RCSMessageStore/Holiday/a5"),
    ("getFlag", 0): (204, ""),
    ("getPayload", 0): (200, '"contentType": "text/plain; charset=utf-8"'),
    ("renameFolder", 0): (200, "Summer"),
    ("putPreferences", 0): (201, "/folders/a4"),
    ("putPreferences", 1): (200, "pager-message"),
    ("changeFlags", 1): (200, "/objects/a5"),
    ("deliver", 0): (200, "/Default/group/a"),
    ("deliver", 1): (200, "/RCSMessageStore/a"),
    ("bulkDelete", 0): (200, "/objects/a5"),
    ("deleteObject", 0): (404, "SVC0004"),
    ("getObject", 0): (404, "SVC0004"),
}
"""What a reader sends, with which of its examples, and what comes back."""


def test_the_documentation_is_served_with_all_that_it_needs(stack: LocalStack) -> None:
    page = httpx.get(f"{stack.url}/docs")
    script = httpx.get(f"{stack.url}/docs/start.js")
    loaded = re.findall(r'(?:src|href)="(/[^"]*)"', page.text) + re.findall(r'"(/docs/[^"]*)"', script.text)

    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert len(loaded) == 5
    assert {httpx.get(f"{stack.url}{path}").status_code for path in loaded} == {200}
    assert httpx.get(f"{stack.url}/docs/openapi.json").json() == contract()
    assert httpx.get(f"{stack.url}/docs/openapi.yaml").text == CONTRACT.read_text()


@pytest.mark.parametrize("path", ["/docs/x", "/docs/../openapi.yaml", "/docs/%2e%2e/http.py", "/docsx"])
def test_nothing_else_is_served(stack: LocalStack, path: str) -> None:
    assert httpx.get(f"{stack.url}{path}").status_code == 404


def test_the_documentation_takes_no_writes(stack: LocalStack) -> None:
    refused = httpx.post(f"{stack.url}/docs")

    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.whole
def test_the_page_shows_every_operation(stack: LocalStack, browser: Browser) -> None:
    shown = browser.drawn(f"{stack.url}/docs")

    named = set(re.findall(r'<details id="(\w+)"', shown))
    webhooks = {item["post"]["operationId"] for item in contract()["webhooks"].values()}
    assert named == {one.name for one in operations()} | webhooks


@pytest.mark.whole
def test_a_reader_gets_a_token_and_tries_requests(
    stack: LocalStack, box: BoxClient, browser: Browser
) -> None:
    script = httpx.get(f"{stack.url}/docs/docs.js").text.replace("export ", "")
    tries = [[name, choice or None] for name, choice in TRIES]

    said = browser.run(APP, script, TRY, contract=contract(), root=stack.url, box=box.box, tries=tries)

    assert [int(one.split()[0]) for one in said] == [status for status, _ in TRIES.values()]
    assert [text for text, (_, part) in zip(said, TRIES.values(), strict=True) if part not in text] == []
