"""Client libraries are made from the contract. The TypeScript one compiles, and works with a store."""

import json
import subprocess
from pathlib import Path

import pytest

from infra.contract.clients import LANGUAGES, CannotMake, compile_typescript, generate
from infra.contract.reading import operations
from infra.local.stack import LocalStack
from tests.clients.box_client import BoxClient

pytestmark = pytest.mark.whole

SOURCES = {"kotlin": "*Api.kt", "swift": "*API.swift", "typescript": "*Api.ts"}
PROGRAM = """
const onecopy = require(process.argv[2]);
const given = JSON.parse(process.argv[3]);
const configuration = new onecopy.Configuration({
  basePath: given.base,
  accessToken: given.token,
  headers: { accept: "application/json" }, // or the answer to a payload is a redirect to S3
});
const [changes, content, flags, folders, objects, preferences] =
  ["Changes", "Content", "Flags", "Folders", "Objects", "Preferences"]
    .map(tag => new onecopy[`${tag}Api`](configuration));
const delivery = new onecopy.DeliveryApi(
  new onecopy.Configuration({ basePath: given.root, accessToken: given.networkToken }));
const idOf = url => url.split("/").pop();
(async () => {
  const newFolderBody = { folder: { parentFolderPath: "/RCSMessageStore", name: "made" } };
  const { reference: folder } = await folders.createFolder({ newFolderBody, idempotencyKey: "once" });
  const made = await objects.createObjects({
    rootFields: { objectList: { object: [
      { parentFolder: folder.resourceURL, flags: { flag: ["\\\\Seen"] } },
    ] } },
    attachments: [new Blob(["hello"], { type: "text/plain" })],
  });
  const objectId = idOf(made.bulkResponseList.response[0].success.resourceURL);
  await flags.addFlag({ objectId, flagName: "\\\\Flagged" });
  const { object } = await objects.getObject({ objectId });
  const { nmsEventList, more } = await changes.getChanges({ maxEntries: 1000 });
  const { href } = await content.getPayload({ objectId });
  const missing = await objects.getObject({ objectId: "zz" }).catch(error => error.response.status);
  const newPreferencesBody = { preferences: { folders: { exclude: [folder.resourceURL] } } };
  await preferences.putPreferences({ name: "phone", newPreferencesBody });
  const preferred = await changes.getChanges({ preferences: "phone" });
  const delivered = await delivery.deliver({
    storeName: "main",
    rootFields: { deliver: { boxes: { boxId: [given.box] }, object: { parentFolderPath: "/Default/x" } } },
    attachments: [new Blob(["from the network"], { type: "text/plain" })],
  });
  const [link] = delivered.bulkResponseList.response;
  const objectReference = [{ resourceURL: object.resourceURL }, { resourceURL: link.success.resourceURL }];
  const bulkDeleteBody = { bulkDelete: { objects: { objectReference } } };
  const deleted = await objects.bulkDelete({ bulkDeleteBody });
  console.log(JSON.stringify({
    preferred: preferred.nmsEventList.nmsEvent.length, delivered: link.success.path,
    deleted: deleted.bulkResponseList.response.map(one => one.code),
    path: object.path, flags: object.flags.flag, size: object.payloadPart[0].size, more, missing,
    told: nmsEventList.nmsEvent.length, text: await (await fetch(href)).text(),
  }));
})();
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client of each language."""
    folder = tmp_path_factory.mktemp("libraries")
    try:
        for language in LANGUAGES:
            generate(language, folder / language)
        compile_typescript(folder / "typescript")
    except CannotMake as error:
        if not str(error).startswith("needs"):
            raise
        pytest.skip(str(error))
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_has_every_operation(libraries: Path, language: str) -> None:
    files = (libraries / language).rglob(SOURCES[language])
    sources = "".join(file.read_text() for file in files)

    assert [one.name for one in operations() if f" {one.name}(" not in sources] == []


def test_the_typescript_client_works(
    stack: LocalStack, client: BoxClient, libraries: Path, tmp_path: Path
) -> None:
    library = libraries / "typescript" / "dist"
    program = tmp_path / "program.js"
    program.write_text(PROGRAM)
    given = json.dumps(
        {
            "base": client.base,
            "root": stack.url,
            "box": client.box,
            "token": stack.token(client.box),
            "networkToken": stack.token(client.box, "onecopy.network"),
        }
    )

    ran = subprocess.run(
        ["node", program, library, given], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "path": "/RCSMessageStore/made/a5",
        "flags": ["\\Flagged", "\\Seen"],
        "size": 5,
        "more": False,
        "missing": 404,
        "told": 5,
        "text": "hello",
        "preferred": 4,
        "delivered": "/Default/x/a8",
        "deleted": [200, 200],
    }
