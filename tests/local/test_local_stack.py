"""The stack on one machine: events reach the functions as in Lambda, and nothing is lost or left running."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from infra.local.emulator import Emulator, EmulatorFailed, dynoxide
from infra.local.emulator.clients import client
from infra.local.host.keys import KeyStore
from infra.local.stack import LocalStack
from tests.clients.eventually import eventually
from tests.stack.processes import descendants, running
from tests.stack.stacks import standin_stack

ROOT = Path(__file__).parents[2]
BOX = "tel:+99911112222"
# A stop takes a few seconds; it may take this many.
STOP_SECONDS = 20


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return uuid.uuid4().hex


def do(stack: LocalStack, deed: str, body: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {stack.token(BOX)}", "content-type": "text/plain"}
    return httpx.post(f"{stack.url}/nms/v1/{deed}", content=body, headers=headers, timeout=30)


def notes(stack: LocalStack, who: str) -> list[Any]:
    """What a stand-in has been given so far."""
    path = stack.data / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return [what for whom, what in map(json.loads, lines) if whom == who]


def put_row(stack: LocalStack, box: str, item: str = "BOX", **more: str) -> None:
    row = {name: {"S": value} for name, value in {"box": box, "item": item, **more}.items()}
    stack.aws("dynamodb").put_item(TableName=stack.name("Table"), Item=row)


def waiting(stack: LocalStack, queue: str) -> list[str]:
    """The bodies of the messages that wait in a queue that no function reads."""
    answer = stack.aws("sqs").receive_message(
        QueueUrl=stack.name(queue), MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [message["Body"] for message in answer.get("Messages", [])]


# A function's environment --------------------------------------------------------------------------------


def test_a_function_has_its_own_environment_and_no_other(standins: LocalStack) -> None:
    environment = do(standins, "environment").json()

    assert environment["TABLE_NAME"] == standins.name("Table")
    assert environment["SERVER_ROOT"] == standins.url
    assert environment["URL_SECONDS"] == "300"
    assert "BACKOFF_MAX" not in environment
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "ApiFunction"
    assert len(environment["RESTART_TOKEN_KEYS"]) == 64
    assert "PYTEST_CURRENT_TEST" not in environment


def test_a_function_may_do_what_the_template_grants(standins: LocalStack, name: str) -> None:
    assert do(standins, "granted", name).status_code == 200

    assert eventually(lambda: notes(standins, "jobs").count(name)) == 1


def test_a_function_may_do_nothing_else(standins: LocalStack) -> None:
    assert do(standins, "not-granted").status_code == 500

    assert eventually(lambda: "ClientError SendMessage AccessDenied" in standins.output.read_text())


# The stream ----------------------------------------------------------------------------------------------


def test_a_change_that_the_filter_lets_through_reaches_its_function(standins: LocalStack, name: str) -> None:
    put_row(standins, name, item="F#1")
    put_row(standins, name)

    assert eventually(lambda: [what for what in notes(standins, "changes") if what[0] == name])
    assert notes(standins, "changes").count([name, ""]) == 1


def test_what_a_partial_response_names_is_tried_again_before_what_follows(
    standins: LocalStack, name: str
) -> None:
    put_row(standins, f"{name}-1", order="fail once")
    put_row(standins, f"{name}-2")

    def seen() -> list[str]:
        return [box for box, _ in notes(standins, "changes") if box.startswith(name)]

    assert eventually(lambda: seen() if seen().count(f"{name}-2") else [])
    assert seen().count(f"{name}-1") == 2
    assert seen()[-1] == f"{name}-2"


@pytest.mark.parametrize("order", ["fail", "raise"])
def test_a_poison_record_is_given_up_and_does_not_keep_the_others(
    standins: LocalStack, name: str, order: str
) -> None:
    before = len(waiting(standins, "ChangesDeadLetters"))
    put_row(standins, f"{name}-1", order=order)
    put_row(standins, f"{name}-2")

    assert eventually(lambda: notes(standins, "changes").count([f"{name}-2", ""]))
    assert eventually(lambda: len(waiting(standins, "ChangesDeadLetters")) > before)
    lost = json.loads(waiting(standins, "ChangesDeadLetters")[-1])
    assert lost["DDBStreamBatchInfo"]["batchSize"] == 1
    assert name not in json.dumps(lost)


# Queues and schedules ------------------------------------------------------------------------------------


def test_a_message_that_fails_comes_again_and_ends_as_a_dead_letter(standins: LocalStack, name: str) -> None:
    do(standins, "granted", f"fail {name}")

    assert eventually(lambda: f"fail {name}" in waiting(standins, "JobsDeadLetters"))
    assert notes(standins, "jobs").count(f"fail {name}") == 2


def test_a_message_whose_worker_crashed_comes_again(standins: LocalStack, name: str) -> None:
    do(standins, "granted", f"crash once {name}")

    assert eventually(lambda: notes(standins, "jobs").count(f"crash once {name}") == 2)


def test_messages_of_one_group_come_in_order_and_singly(standins: LocalStack, name: str) -> None:
    sqs = standins.aws("sqs")
    for number in range(5):
        sqs.send_message(
            QueueUrl=standins.name("DeliveryQueue"),
            MessageGroupId=name,
            MessageDeduplicationId=f"{name}{number}",
            MessageBody=str(number),
        )

    def seen() -> list[Any]:
        return [what for what in notes(standins, "deliver") if what[0] == name]

    assert eventually(lambda: seen() if len(seen()) == 5 else [])
    assert seen() == [[name, str(number), 1] for number in range(5)]


def test_a_schedule_ticks(standins: LocalStack) -> None:
    before = len(notes(standins, "sweep"))

    assert eventually(lambda: len(notes(standins, "sweep")) > before)
    assert set(notes(standins, "sweep")) == {"Scheduled Event"}


# Content -------------------------------------------------------------------------------------------------


def presigned(stack: LocalStack, call: str, key: str, seconds: int = 300, **parameters: Any) -> str:
    wish = {"call": call, "parameters": {"Key": key, **parameters}, "seconds": seconds}
    url: str = do(stack, "presign", json.dumps(wish)).json()["url"]
    return url


def test_what_is_uploaded_directly_is_told_to_its_function(standins: LocalStack, name: str) -> None:
    assert httpx.put(presigned(standins, "put_object", f"inline/{name}"), content=b"x").status_code == 200
    assert httpx.put(presigned(standins, "put_object", f"direct/{name}"), content=b"x").status_code == 200

    assert eventually(lambda: f"direct/{name}" in notes(standins, "arrival"))
    assert f"inline/{name}" not in notes(standins, "arrival")
    assert httpx.get(presigned(standins, "get_object", f"direct/{name}")).content == b"x"


def test_a_url_that_was_tampered_with_is_refused(standins: LocalStack, name: str) -> None:
    url = presigned(standins, "put_object", f"direct/{name}")

    assert httpx.put(url.replace(name, name[::-1]), content=b"x").status_code == 403
    assert httpx.get(url).status_code == 403


def test_a_url_that_has_expired_is_refused(standins: LocalStack, name: str) -> None:
    httpx.put(presigned(standins, "put_object", f"direct/{name}"), content=b"x")
    url = presigned(standins, "get_object", f"direct/{name}", seconds=1)

    assert eventually(lambda: httpx.get(url).status_code == 403)


def test_an_upload_with_another_checksum_or_length_is_refused(standins: LocalStack, name: str) -> None:
    checksum = base64.b64encode(hashlib.sha256(b"right").digest()).decode()
    url = presigned(
        standins, "put_object", f"direct/{name}", ChecksumSHA256=checksum, ContentLength=5, IfNoneMatch="*"
    )
    headers = {"x-amz-checksum-sha256": checksum, "if-none-match": "*"}

    assert httpx.put(url, content=b"wrong", headers=headers).status_code == 400
    assert httpx.put(url, content=b"longer", headers=headers).status_code == 403
    assert httpx.put(url, content=b"right", headers=headers).status_code == 200
    assert httpx.put(url, content=b"right", headers=headers).status_code == 412


# Starting and ending -------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Iterator[LocalStack]:
    """A second stack next to the first, which a test may stop."""
    stack = standin_stack(tmp_path)
    with stack:
        yield stack


def test_two_stacks_have_nothing_in_common(standins: LocalStack, other: LocalStack, name: str) -> None:
    put_row(other, name)

    assert eventually(lambda: [what for what in notes(other, "changes") if what[0] == name])
    assert [name, ""] not in notes(standins, "changes")
    token = standins.token(BOX)
    answer = httpx.get(f"{other.url}/nms/v1/a", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_everything_is_still_there_after_a_restart(other: LocalStack, name: str) -> None:
    put_row(other, name)
    put_row(other, name, item="F#1")
    httpx.put(presigned(other, "put_object", f"direct/{name}"), content=b"x")
    other.aws("sqs").send_message(QueueUrl=other.name("JobsDeadLetters"), MessageBody=name)
    token, keys = other.token(BOX), do(other, "environment").json()["RESTART_TOKEN_KEYS"]
    port = int(other.url.rsplit(":", 1)[1])
    assert eventually(lambda: notes(other, "changes").count([name, ""]) == 1)

    other.stop()
    with LocalStack(other.data, port, other.data / "template.yaml", other.environment) as again:
        rows = again.aws("dynamodb").scan(TableName=again.name("Table"))["Items"]
        assert [row["item"]["S"] for row in rows] == ["BOX", "F#1"]
        assert httpx.get(presigned(again, "get_object", f"direct/{name}")).content == b"x"
        assert waiting(again, "JobsDeadLetters") == [name]
        answer = httpx.get(f"{again.url}/nms/v1/environment", headers={"authorization": f"Bearer {token}"})
        assert answer.json()["RESTART_TOKEN_KEYS"] == keys


def test_origins_that_were_taken_off_the_list_are_taken_off_the_bucket(tmp_path: Path) -> None:
    listed = {"CorsOrigins": "https://app.example.com"}
    with LocalStack(tmp_path, parameters=listed) as before:
        bucket = before.name("ContentBucket")
        [rule] = before.aws("s3").get_bucket_cors(Bucket=bucket)["CORSRules"]
        assert rule["AllowedOrigins"] == ["https://app.example.com"]

    with (
        LocalStack(tmp_path) as after,
        pytest.raises(ClientError, match="NoSuchCORSConfiguration"),
    ):
        after.aws("s3").get_bucket_cors(Bucket=bucket)


def test_without_dynoxide_it_says_what_it_does_not_promise(tmp_path: Path, name: str) -> None:
    KeyStore(tmp_path / "keys").save("emulator.json", {"rows": "ministack"})
    with standin_stack(tmp_path) as stack:
        assert stack.output.read_text().startswith("rows are kept in memory and saved at the end")
        put_row(stack, name)
        assert eventually(lambda: notes(stack, "changes").count([name, ""]) == 1)

    with standin_stack(tmp_path) as stack:
        assert stack.aws("dynamodb").scan(TableName=stack.name("Table"))["Count"] == 1
        # The stream is now empty, so the row is handed over once more.
        assert eventually(lambda: notes(stack, "changes").count([name, ""]) == 2)


def test_rows_that_nothing_here_can_read_are_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyStore(tmp_path / "keys")
    keys.save("emulator.json", {"rows": "dynoxide"})
    monkeypatch.setattr(dynoxide, "program", lambda: None)

    with pytest.raises(EmulatorFailed, match="which is not installed: run make"):
        Emulator(tmp_path, keys, lock=0)


def test_a_folder_of_another_region_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys")
    keys.save("emulator.json", {"region": "mars-north-1"})

    with pytest.raises(EmulatorFailed, match="is one of mars-north-1: set AWS_REGION"):
        Emulator(tmp_path, keys, lock=0)


def test_what_was_hidden_when_it_ended_is_there_at_the_next_start(tmp_path: Path) -> None:
    """The function that had received it is gone. Its visibility timeout is too long to wait for."""
    for received in ([], ["again"]):
        emulator = Emulator(tmp_path, KeyStore(tmp_path / "keys"), lock=0)
        emulator.start()
        sqs = client("sqs", emulator.url, emulator.root)
        queue = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
        if not received:
            sqs.send_message(QueueUrl=queue, MessageBody="again")
            assert sqs.receive_message(QueueUrl=queue)["Messages"]
        found = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        emulator.stop()
        assert [message["Body"] for message in found] == received


def test_killed_it_leaves_no_process_behind_and_loses_nothing(other: LocalStack, name: str) -> None:
    put_row(other, name)
    do(other, "granted", "start a worker")
    processes = [other.pid, *descendants(other.pid)]
    assert len(processes) > 3

    other.kill()

    assert eventually(lambda: not running(processes))
    with LocalStack(other.data, 0, other.data / "template.yaml", other.environment) as again:
        assert again.aws("dynamodb").scan(TableName=again.name("Table"))["Count"] == 1


def test_a_port_in_use_is_one_line_and_exit_1(standins: LocalStack, tmp_path: Path) -> None:
    port = standins.url.rsplit(":", 1)[1]
    ended = subprocess.run(
        [sys.executable, "-m", "infra.local"],
        env={**os.environ, "PORT": port, "DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [f"port {port} is in use; choose another one with PORT="]


def test_what_is_secret_is_readable_by_its_owner_alone(standins: LocalStack) -> None:
    files = list((standins.data / "keys").iterdir())

    assert files
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("to_all", [True, False], ids=["to the group", "to make alone"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_make_serve_ends_with_all_that_it_started(tmp_path: Path, sign: signal.Signals, to_all: bool) -> None:
    output = tmp_path / "output"
    make = subprocess.Popen(
        ["make", "serve", "PORT=0", f"DATA={tmp_path / 'data'}"],
        cwd=ROOT,
        stdout=output.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert eventually(lambda: "ready: http://127.0.0.1:" in output.read_text(), 60), output.read_text()
    processes = [make.pid, *descendants(make.pid)]

    os.killpg(make.pid, sign) if to_all else make.send_signal(sign)

    assert make.wait(STOP_SECONDS) == -sign
    assert running(processes) == []
    assert (tmp_path / "data" / "state" / "iam.json").exists()
