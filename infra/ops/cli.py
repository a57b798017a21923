"""The `onecopy` command: its arguments and its output. Every failure is one line and exit status 1."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from infra.aws.template import parameter
from infra.ops import doctor
from infra.ops.check.checking import check
from infra.ops.doctor import Verdict, Wanted
from infra.ops.importing.connection import Connection, Unusable
from infra.ops.importing.importer import Importer
from infra.ops.importing.lock import ImportLock
from infra.ops.importing.writer import Outcome
from infra.ops.phone.backup import Backup, Refused
from infra.ops.progress import Shown, Steps
from infra.ops.restore import restore
from infra.ops.rows.deployed import Deployed, Unreachable, in_stack, on_this_machine
from infra.ops.rows.reading import AT_ONCE, MOST_AT_ONCE
from infra.ops.wipe import wipe
from onecopy.domain.box import BoxKey
from onecopy.store.closed_boxes import close, reopen
from onecopy.store.commit.transact import Store

LOCAL_URL = "http://127.0.0.1:8080"
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        _complain("interrupted; run it again to go on where it stopped")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="onecopy", description="An OMA message store.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    importing = commands.add_parser("import", help="store a backup of the app SMS Backup & Restore in a box")
    importing.add_argument("file", type=Path, metavar="FILE", help="the backup: XML, plain or gzipped")
    importing.add_argument("--box", required=True, help="the owner's box, e.g. tel:+99911112222")
    importing.add_argument("--url", default=LOCAL_URL, help="the store's address (%(default)s)")
    importing.add_argument("--store", default="main", help="the store's name in its addresses (%(default)s)")
    importing.add_argument("--token", help="a bearer token, or set ONECOPY_TOKEN; a local store gives one")
    importing.set_defaults(run=import_backup)
    checking = commands.add_parser("check", help="is what the store holds consistent? exits 1 if not")
    _where(checking)
    _whose(checking)
    _how_many(checking)
    checking.add_argument("--repair", action="store_true", help="mend what can safely be mended")
    checking.set_defaults(run=check_store)
    restoring = commands.add_parser("restore", help="put back the rows of a table restored by DynamoDB")
    _where(restoring)
    restoring.add_argument("--from", dest="source", required=True, metavar="TABLE", help="the restored table")
    _whose(restoring)
    _how_many(restoring)
    restoring.add_argument(
        "--yes", action="store_true", help="do it; otherwise it only says what it would do"
    )
    restoring.set_defaults(run=restore_rows)
    closing = commands.add_parser("close", help="end an owner's right to a box at once")
    _one_box(closing)
    closing.set_defaults(run=close_box)
    opening = commands.add_parser("open", help="give an owner back the right to a closed box")
    _one_box(opening)
    opening.set_defaults(run=open_box)
    wiping = commands.add_parser("wipe", help="close a box and erase everything in it, for good")
    _one_box(wiping)
    wiping.add_argument("--yes", action="store_true", help="do it; otherwise it only says what it would do")
    wiping.set_defaults(run=wipe_box)
    asking = commands.add_parser(
        "doctor", help="do AWS and the issuer grant what a deployment needs? exits 1 if not"
    )
    asking.add_argument("--stack", metavar="NAME", help="an existing stack, whose parameters are examined")
    asking.add_argument(
        "--parameters",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        type=parameter,
        help="parameters of a planned deployment, e.g. Issuer=https://…",
    )
    asking.set_defaults(run=ask_doctor)
    serving = commands.add_parser("serve", help="run the store on this machine; PORT and DATA say where")
    serving.set_defaults(run=_serve)
    return parser


def _where(command: argparse.ArgumentParser) -> None:
    where = command.add_mutually_exclusive_group()
    where.add_argument("--stack", metavar="NAME", help="a stack at AWS, found as the AWS CLI finds it")
    where.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("DATA", ".local")),
        metavar="FOLDER",
        help="the data folder of the stack that runs on this machine (%(default)s)",
    )


def _deployed(options: argparse.Namespace) -> Deployed:
    return in_stack(options.stack) if options.stack else on_this_machine(options.data)


def check_store(options: argparse.Namespace) -> int:
    started = time.monotonic()
    try:
        deployed = _deployed(options)
        with Steps("boxes checked") as steps:
            report = check(
                deployed, options.repair, _box(options), at_once=options.at_once, told=steps.update
            )
    except Unreachable as unreachable:
        _complain(f"onecopy check: {unreachable}")
        return 1
    for finding in report.mended:
        print(f"mended: {finding}")
    for finding in report.findings:
        print(finding)
    for box in report.busy:
        print(f"{box}: written to all the time, so it could not be compared as a whole; check it again")
    print(f"{report.summary}; {time.monotonic() - started:.1f} s")
    return 1 if report.wrong or report.busy else 0


def _whose(command: argparse.ArgumentParser) -> None:
    command.add_argument("--box", help="only this box, e.g. tel:+99911112222")
    command.add_argument("--store", default="main", help="the box's store (%(default)s)")


def _how_many(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--at-once",
        type=_positive,
        default=AT_ONCE,
        metavar="N",
        help="boxes that are processed in parallel (%(default)s)",
    )


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_AT_ONCE):
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to {MOST_AT_ONCE}")
    return int(text)


def _box(options: argparse.Namespace) -> str | None:
    return str(BoxKey(options.store, options.box)) if options.box else None


def _one_box(command: argparse.ArgumentParser) -> None:
    _where(command)
    command.add_argument("box", metavar="BOX", help="e.g. tel:+99911112222")
    command.add_argument("--store", default="main", help="the box's store (%(default)s)")


def close_box(options: argparse.Namespace) -> int:
    return _change(options, close, "closed")


def open_box(options: argparse.Namespace) -> int:
    return _change(options, reopen, "open")


def wipe_box(options: argparse.Namespace) -> int:
    try:
        done = wipe(_deployed(options), BoxKey(options.store, options.box), options.yes)
    except (Unreachable, PynamoDBException) as problem:
        _complain(f"onecopy wipe: {problem}")
        return 1
    counts = f"{done.rows:,} rows and {done.contents:,} contents"
    print(f"erased: {counts}; the box is closed" if options.yes else f"would be: {counts}; do it with --yes")
    if done.shared:
        print(f"{done.shared:,} contents stay for the other boxes that they were delivered to")
    if done.miscounted:
        print(f"{done.miscounted:,} contents stay: they count links from elsewhere; ask onecopy check")
    return 0


def ask_doctor(options: argparse.Namespace) -> int:
    client, given = doctor.clients(), dict(options.parameters)
    try:
        stack = doctor.of_stack(client, options.stack) if options.stack else Wanted()
    except (BotoCoreError, ClientError, ValueError) as problem:
        _complain(f"onecopy doctor: {problem}")
        return 1
    wrong = 0
    wanted = Wanted({**stack.parameters, **given}, stack.table)
    for finding in chain(doctor.unknown(given), doctor.examine(client, wanted)):
        print(finding)
        wrong += finding.verdict is Verdict.WRONG
    return 1 if wrong else 0


def _change(options: argparse.Namespace, change: Callable[[Store, BoxKey], bool], state: str) -> int:
    key = BoxKey(options.store, options.box)
    try:
        changed = change(_deployed(options).store(), key)
    except (Unreachable, PynamoDBException) as problem:
        _complain(f"onecopy: {problem}")
        return 1
    print(f"{key} is {state}" if changed else f"{key} was {state} already")
    return 0


def restore_rows(options: argparse.Namespace) -> int:
    try:
        deployed = _deployed(options)
        with Steps("boxes put back") as steps:
            done = restore(
                deployed,
                options.source,
                _box(options),
                options.yes,
                options.at_once,
                lambda so_far: steps.update(so_far.boxes),
            )
    except Unreachable as unreachable:
        _complain(f"onecopy restore: {unreachable}")
        return 1
    counts = f"{done.put:,} rows put back, {done.deleted:,} deleted, {done.boxes:,} boxes to be listed anew"
    print(counts if options.yes else f"would be: {counts}; do it with --yes")
    return 0


def import_backup(options: argparse.Namespace) -> int:
    started = time.monotonic()
    outcome = Outcome()
    try:
        backup = Backup(options.file)
        token = options.token or os.environ.get("ONECOPY_TOKEN")
        with (
            Connection(options.url, options.store, options.box, token) as connection,
            ImportLock(connection.base, _complain) as lock,
            Shown(backup) as shown,
        ):
            importer = Importer(connection, options.box, lock, shown.update)
            outcome = importer.outcome
            importer.run(backup)
        problem = outcome.broken
    except Refused as refused:
        problem = str(refused)
    except Unusable as unusable:
        problem = f"{unusable}; run it again to go on" if outcome.stored else str(unusable)
    if outcome.stored or outcome.already or outcome.failures:
        _report(outcome, time.monotonic() - started)
    if problem:
        _complain(f"onecopy import: {problem}")
    return 1 if problem or outcome.failures else 0


def _report(outcome: Outcome, seconds: float) -> None:
    """Print the failures, each by its message's number in the file, and then the summary line."""
    for number, code in outcome.first_failures:
        _complain(f"message {number}: {code}")
    if outcome.failures > len(outcome.first_failures):
        _complain(f"and {outcome.failures - len(outcome.first_failures):,} more")
    print(
        f"{outcome.read:,} message{'s' * (outcome.read != 1)}:"
        f" {outcome.stored:,} stored, {outcome.already:,} there before, {outcome.failures:,} failed;"
        f" {seconds:.1f} s, {outcome.read / seconds:,.0f} messages/s,"
        f" {outcome.content_bytes / 1e6:,.1f} MB of content"
    )


def _serve(_: argparse.Namespace) -> int:
    from infra.local.serve import main as serve  # only this command needs an emulator

    return serve()


def _complain(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
