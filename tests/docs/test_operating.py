"""The operator's guide: what it says about the template and the commands is true."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from infra.ops import cli

INFRA = Path(__file__).parents[2] / "infra"
GUIDE = (INFRA / "docs" / "operating.md").read_text()
CODE = re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL) + re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", GUIDE)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    found: dict[str, Any] = decode(str(INFRA / "template.yaml"))[0]
    return found


def test_it_says_of_each_alarm_what_to_do_and_of_no_other(template: dict[str, Any]) -> None:
    of_functions = decode(str(INFRA / "function-alarms.yaml"))[0]["Resources"]
    resources = {**template["Resources"], **of_functions}
    alarms = {name for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    table = re.findall(r"^\| `(\w+)` \| \S.* \| \S.* \|$", GUIDE.split("## Alarms")[1], re.MULTILINE)

    assert set(table) == alarms
    assert len(table) == len(alarms)


def test_each_dead_letter_queue_is_given_back_or_purged(template: dict[str, Any]) -> None:
    queues = {name for name in template["Resources"] if name.endswith("DeadLetters")}

    assert set(re.findall(r"`(\w+DeadLetters)`", GUIDE.split("## Redrive")[1])) == queues


def test_what_it_names_of_the_stack_is_there(template: dict[str, Any]) -> None:
    asked = set(re.findall(r"\$\(named (\w+)\)", GUIDE))
    given = set(re.findall(r"\b([A-Z][a-z]\w+)=(?!value)", "\n".join(CODE)))

    assert asked
    assert asked <= template["Resources"].keys()
    assert given
    assert given <= template["Parameters"].keys()
    [outputs] = re.findall(r"The outputs are (.*?)\n\n", GUIDE, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", outputs)) == template["Outputs"].keys()


def test_the_headers_that_a_page_may_send_and_read_are_the_templates(template: dict[str, Any]) -> None:
    guide = (INFRA / "docs" / "browsers.md").read_text()
    [told] = re.findall(r"\*\*A page may read\*\*.*?(?=\n- )", guide, re.DOTALL)
    read, sent = told.split("**It may send**")
    resources = template["Resources"]
    api = resources["HttpApi"]["Properties"]["CorsConfiguration"]["Fn::If"][1]
    [bucket] = resources["ContentBucket"]["Properties"]["CorsConfiguration"]["Fn::If"][1]["CorsRules"]

    assert named(read) == {*api["ExposeHeaders"], *bucket["ExposedHeaders"]}
    allowed = {*api["AllowHeaders"], *bucket["AllowedHeaders"]}
    assert named(sent) - {"content-length"} == allowed - {"x-amz-checksum-sha256"}  # only an upload's


def named(text: str) -> set[str]:
    return {name.lower() for name in re.findall(r"`([A-Z][\w-]+)`", text)}


def test_the_commands_it_gives_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [line for code in CODE for line in code.splitlines() if ".venv/bin/onecopy " in line]
    asked = []
    for name in ("check_store", "restore_rows", "close_box", "open_box", "wipe_box", "ask_doctor"):
        monkeypatch.setattr(cli, name, lambda options: asked.append(options) or 0)

    assert [cli.main(shlex.split(line)[1:]) for line in given] == [0] * len(given)

    assert {options.stack for options in asked} == {"onecopy", None}
    assert {"repair", "source"} <= {name for options in asked for name in vars(options)}
