"""`make bench`: what each operation costs, as counts, bytes and ratios from one run.

Calls, bytes and rows are exact and hold on AWS; the rates are this machine's. If a figure has a floor (the
least that would do), the same run measures the floor and prints the ratio.
"""

import base64
import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from infra.bench import cold_start
from infra.bench import folders as bench_folders
from infra.bench import search as bench_search
from infra.bench.in_process import NETWORK, Api
from infra.bench.meter import Counts, meter
from infra.client.device import Device
from infra.local.stack import LocalStack
from onecopy.handlers.edge import composition

SMALL_BOX, LARGE_BOX = 100, 20_000
LARGE_CONTENT = 100_000_000

_IMPORTING = """
import re, sys
from infra.ops.cli import main
code = main(["import", *sys.argv[1:]])
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
sys.exit(code)
"""


def main(arguments: list[str]) -> int:
    backup = Path(arguments[0]) if arguments else None
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder) / "stack") as stack:
        api = Api(stack)
        copying(api, stack)
        first_sync(stack, Path(folder), backup)
        small_box(stack, Path(folder))
        delta(api)
        searches(api)
        whole_folders(api)
        writers(stack, Path(folder))
    starting()
    return 0


def line(name: str, value: str, goal: str = "") -> None:
    print(f"{name:<46} {value}{f'   [{goal}]' if goal else ''}", flush=True)


def upload(stack: LocalStack, box: str, size: int) -> str:
    """Upload an object with so many bytes of content directly; returns its resourceURL once it is visible."""
    block = hashlib.sha256(str(size).encode()).digest() * 32
    data = (block * (size // len(block) + 1))[:size]
    checksum = "sha256:" + base64.b64encode(hashlib.sha256(data).digest()).decode()
    part = {"contentType": "image/jpeg", "size": size, "checksum": checksum}
    base = f"{stack.url}/nms/v1/main/{quote(box, safe='')}"
    with httpx.Client(
        headers={"authorization": f"Bearer {stack.token(box, NETWORK)}"}, timeout=120
    ) as client:
        begun = client.post(f"{base}/objects", json={"object": {"payloadPart": [part]}}).json()["upload"]
        put = begun["part"][0]
        httpx.put(put["href"], content=data, headers=put["headers"], timeout=120).raise_for_status()
        url = f"{base}/objects/{begun['objectId']}"
        deadline = time.monotonic() + 60
        while client.get(url).status_code != 200:
            if time.monotonic() > deadline:
                raise RuntimeError("the uploaded object did not appear")
            time.sleep(0.05)
    return url


def copying(api: Api, stack: LocalStack) -> None:
    print("\nCopy: links only, at any size")
    box = "tel:+99900000101"
    target = api.folder(box, "copies")
    of_small, _ = _copy(api, box, [small := upload(stack, box, 1000)], target)
    of_large, _ = _copy(api, box, [upload(stack, box, LARGE_CONTENT)], target)
    line("one copy of 1 kB", str(of_small), "at most 2 calls, no S3 call")
    line("one copy of 100 MB", str(of_large), "the same")
    line("  bytes on the wire, 100 MB against 1 kB", f"{of_large.wire / of_small.wire:.3f} x")
    _, thirty = _copy(api, box, [small] * 30, target)
    of_thirty, _ = _copy(api, box, thirty, target)
    line("30 copies of one content, one request", str(of_thirty), "at most 4 calls")
    different = [upload(stack, box, 500 + n) for n in range(30)]
    of_different, _ = _copy(api, box, different, target)
    line("30 copies of 30 contents, one request", str(of_different), "at most 4 calls")


def _copy(api: Api, box: str, sources: list[str], target: str) -> tuple[Counts, list[str]]:
    with meter() as counts:
        made = api.copy(box, sources, target)
    return counts, made


def first_sync(stack: LocalStack, folder: Path, backup: Path | None) -> None:
    source = backup or generated_backup(folder / "backup.xml", 5000)
    what = "the backup given" if backup else "5,000 generated messages, some with pictures"
    print(f"\nImport and first sync: {what}")
    box = "tel:+99900000001"
    started = time.monotonic()
    peak = _import(stack, source, box)
    seconds = time.monotonic() - started
    device = Device(stack.url, box, lambda: stack.token(box), folder / "first.db")
    device.sync()
    messages = len(_objects(device))
    line("import", f"{messages / seconds:.0f} messages/s ({messages:,} in {seconds:.1f} s)", "at least 100")
    line("  peak memory of the importer", f"{peak / 1e6:.0f} MB")
    if backup is None:
        quarter = generated_backup(folder / "quarter.xml", 1250)
        smaller = _import(stack, quarter, "tel:+99900000002")
        line("  against a file of a quarter", f"{peak / smaller:.2f} x", "does not grow with the file")
    received = device.api_wire.received
    facts = _floor(device)
    line(
        "first sync, pages of 1,000, gzip",
        f"{received / messages:.1f} B a message",
        "at most 41 of the real backup",
    )
    line("  floor: the same facts as JSON lines, gzip", f"{facts / messages:.1f} B; {received / facts:.2f} x")
    line("  requests", str(device.api_wire.requests))
    bodies = sum(part["size"] for facts in _objects(device) for part in facts.get("payloadPart", []))
    line("  with bodies it would have been", f"{(received + bodies) / received:.1f} x the bytes")
    device.close()


def _objects(device: Device) -> list[dict[str, Any]]:
    return list(device.state()[0].values())


def _floor(device: Device) -> int:
    rows = []
    for facts in _objects(device):
        named = {a["name"]: a["value"][0] for a in facts["attributes"]["attribute"]}
        parts = [[part["contentType"], part["size"]] for part in facts.get("payloadPart", [])]
        ids = [facts["resourceURL"].rsplit("/", 1)[1], facts["parentFolder"].rsplit("/", 1)[1]]
        rows.append([*ids, *named.values(), facts["flags"]["flag"], facts.get("correlationTag"), parts])
    pages = ["\n".join(json.dumps(row) for row in rows[n : n + 1000]) for n in range(0, len(rows), 1000)]
    return sum(len(gzip.compress(page.encode(), 6)) for page in pages)


def _import(stack: LocalStack, source: Path, box: str) -> int:
    """Peak memory of the importer in bytes, which it reads itself, without its parent's."""
    command = [sys.executable, "-c", _IMPORTING, str(source), "--box", box, "--url", stack.url]
    run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return int(run.stdout.split()[-1]) * 1024


def generated_backup(path: Path, count: int) -> Path:
    """A backup in the app's format: texts of all lengths, every 300th message with a picture of 20 kB."""
    picture = base64.b64encode(hashlib.sha512(b"picture").digest() * 320).decode()
    with path.open("w") as file:
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<smses count="{count}">\n')
        for n in range(count):
            head = f'address="+9991{n * n % 97:07d}" date="{1_400_000_000_000 + n * 61_000}" read="{n % 2}"'
            text = "".join(f"{hashlib.md5(f'{n}.{k}'.encode()).hexdigest()[: 2 + k]} " for k in range(n % 17))  # noqa: S324
            if n % 300:
                file.write(f'<sms {head} type="{1 + n % 2}" body="Message {n} {text}" />\n')
                continue
            file.write(f'<mms {head} msg_box="{1 + n % 2}" sub="null"><parts>')
            file.write(f'<part seq="0" ct="image/jpeg" name="p.jpg" text="null" data="{picture}" />')
            file.write(f'<part seq="1" ct="text/plain" name="null" text="Picture {n}" /></parts></mms>\n')
        file.write("</smses>\n")
    return path


def small_box(stack: LocalStack, folder: Path) -> None:
    box, messages = "tel:+99900000050", 50
    with _client(stack, box) as client:
        for number in range(messages):
            client.post("/objects", json={"object": {"correlationTag": str(number)}}).raise_for_status()
    device = Device(stack.url, box, lambda: stack.token(box), folder / "small.db")
    device.sync()
    line(
        f"first sync of a box of {messages}",
        f"{device.api_wire.requests} requests",
        "1, and 1 for its digest",
    )
    device.close()


def whole_folders(api: Api) -> None:
    print("\nWhole folders")
    store = composition.parts().store
    kept, counts = bench_folders.conversation(api, store, "tel:+99900000105")
    messages = bench_folders.MESSAGES
    line(f"{messages:,} messages copied, the original deleted", f"{kept:,} in the copy", f"{messages:,}")
    line("  with all that goes on in the background", str(counts))
    each = f"{counts.total / messages:.3f} calls, {counts.read_units / messages:.1f} read and"
    line("  for each message", f"{each} {counts.write_units / messages:.1f} write units")
    few, many = (
        bench_folders.move(api, store, f"tel:+99900{others:06d}", others)
        for others in (bench_folders.FEW, bench_folders.MANY)
    )
    line(f"a folder moved in a box of {bench_folders.FEW}", str(few))
    line(f"a folder moved in a box of {bench_folders.MANY:,}", str(many), "the same calls")


def searches(api: Api) -> None:
    """In the boxes that `delta` has made."""
    print("\nSearch")
    for links in (SMALL_BOX, LARGE_BOX):
        found = bench_search.newest(api, f"tel:+9990000{links:05d}")
        line(f"the newest 10 of {links:,} links", str(found), "the same")
    counts, read = bench_search.text(api, f"tel:+9990000{LARGE_BOX:05d}")
    each = f"{1000 * counts.total / read:.1f} calls, {1000 * counts.read_units / read:,.0f} read units"
    line("a search for a text, for 1,000 links read", f"{each} ({read:,} read)")


def delta(api: Api) -> None:
    print(f"\nDelta of one change: a box of {SMALL_BOX} links against one of {LARGE_BOX:,}")
    small, large = (_delta(api, f"tel:+9990000{size:05d}", size) for size in (SMALL_BOX, LARGE_BOX))
    for name, (counts, size) in (("small box", small), ("large box", large)):
        line(f"  {name}", f"{counts}; answer {size:,} B", "at most 2 calls and 1 kB")
    of_small, of_large = small[0], large[0]
    calls, read = of_large.total / of_small.total, of_large.read_units / of_small.read_units
    wire = large[1] / small[1]
    line("  large against small", f"{calls:.2f} x calls, {read:.2f} x read units, {wire:.2f} x bytes", "1 x")


def _delta(api: Api, box: str, links: int) -> tuple[Counts, int]:
    body = {"object": {"attributes": {"attribute": [{"name": "Subject", "value": ["the first"]}]}}}
    first = api.ask("POST", box, "/objects", body).json["reference"]["resourceURL"]
    target = api.folder(box, "many")
    made = 1
    while made < links:
        made += len(api.copy(box, [first] * min(980, links - made), target))
    query = {"restartToken": api.latest(box)}
    api.ask("PUT", box, f"/objects/{first.split('/objects/')[1]}/flags/\\Seen")
    with meter() as counts:
        answer = api.ask("GET", box, "/changes", query=query)
    if len(answer.json["nmsEventList"]["nmsEvent"]) != 1 or answer.json["more"]:
        raise RuntimeError("the delta of one change was not one change")
    return counts, answer.wire


@contextmanager
def _client(stack: LocalStack, box: str) -> Iterator[httpx.Client]:
    base = f"{stack.url}/nms/v1/main/{quote(box, safe='')}"
    headers = {"authorization": f"Bearer {stack.token(box, NETWORK)}"}
    with httpx.Client(base_url=base, headers=headers, timeout=60) as client:
        yield client


def writers(stack: LocalStack, folder: Path) -> None:
    print("\n8 writers and 3 followers on one box")
    box, commits = "tel:+99900000108", 25
    statuses: list[int] = []

    def write(number: int) -> None:
        with _client(stack, box) as client:
            for n in range(commits):
                body = {"object": {"correlationTag": f"{number}.{n}"}}
                statuses.append(client.post("/objects", json=body).status_code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    devices = [Device(stack.url, box, lambda: stack.token(box), folder / f"f{n}.db") for n in range(3)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for device in devices:
            device.sync()
    seconds = time.monotonic() - started
    for device in devices:
        device.sync()
    states = [sorted(facts["correlationTag"] for facts in _objects(device)) for device in devices]
    lost = 8 * commits - len(states[0])
    wrong = sum(status != 201 for status in statuses)
    line("  commits", f"{8 * commits} in {seconds:.1f} s; {lost} lost, {wrong} not 201", "none lost, no 5xx")
    line("  followers equal at the end", "yes" if all(state == states[0] for state in states) else "NO")
    for device in devices:
        device.close()


def starting() -> None:
    print("\nCold start of api: loaded, and its first client, in a fresh process")
    found = cold_start.measure()
    line("  boto3 alone with one client", f"{found.boto3:.0f} ms of processor time")
    line("  api", f"{found.api:.0f} ms; {found.ratio:.2f} x", "at most 1.6 x")
    line("    of which", ", ".join(f"{name} {part:.0f}" for name, part in found.parts.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
