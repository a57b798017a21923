"""The pipeline that tries the store in a real account cannot run here, so its parts are tested one by one."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from infra.pipeline import issuer

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "infra" / "pipeline"
WORKFLOW = ROOT / ".github" / "workflows" / "aws.yml"
CALLED_BACK = re.compile(
    r"tests\.(clients\.(subscriber|receiver)|stack\.(desk|at_table)) import"
    r"|stack\.(data|pid|output|credentials)"
)


def test_the_workflow_is_one_that_github_takes() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        WORKFLOW,
    ]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_it_asks_for_no_more_than_a_token_of_its_own() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in WORKFLOW.read_text()
    assert len(workflow["jobs"]["try"]["strategy"]["matrix"]["region"]) == 2


def test_its_steps_can_be_read_by_a_shell() -> None:
    assert subprocess.run(["bash", "-n", PIPELINE / "on_aws.sh"]).returncode == 0
    runs = [
        step["run"] for step in yaml.safe_load(WORKFLOW.read_text())["jobs"]["try"]["steps"] if "run" in step
    ]
    assert [run.split()[:2] for run in runs] == [["make", "test-aws"]]
    assert "infra/pipeline/on_aws.sh" in (ROOT / "Makefile").read_text()


def test_what_it_runs_asks_nothing_that_is_on_this_machine_alone() -> None:
    asked = ["make", "--dry-run", "--always-make", "test-aws", "STACK=any"]
    shown = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in re.findall(r"tests/\w+/test_\w+\.py", shown)]
    assert len(files) > 10
    assert [file.name for file in files if CALLED_BACK.search(file.read_text())] == []


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the function in `issuer.yaml` answers, with the keys that the script gives it."""
    made = subprocess.run(
        [sys.executable, "-m", "infra.pipeline.issuer", tmp_path], capture_output=True, text=True, check=True
    )
    template = (PIPELINE / "issuer.yaml").read_text()
    code = re.search(r"InlineCode: \|\n((?: {8}.*\n|\n)+)", template)
    assert code
    monkeypatch.setenv("KEYS", made.stdout.strip())
    loaded: dict[str, Any] = {}
    exec("\n".join(line[8:] for line in code[1].splitlines()), loaded)

    def get(path: str) -> tuple[int, Any]:
        event = {
            "requestContext": {"domainName": "abc.execute-api.eu-central-1.amazonaws.com"},
            "rawPath": path,
        }
        answer = loaded["handler"](event, None)
        return answer["statusCode"], json.loads(answer["body"])

    return get


def test_its_issuer_serves_what_api_gateway_looks_for(served: Any, tmp_path: Path) -> None:
    endpoint = "https://abc.execute-api.eu-central-1.amazonaws.com"
    found, discovery = served("/local/.well-known/openid-configuration")
    assert found == 200
    assert discovery["issuer"] == f"{endpoint}/local"
    path = discovery["jwks_uri"].removeprefix(endpoint)
    [key] = served(path)[1]["keys"]
    request = json.dumps({"boxId": "tel:+99900000001", "scope": "oma_rest_nms.all_v1"}).encode()
    token = issuer.of(tmp_path, endpoint).token(request)["access_token"]
    claims = jwt.decode(
        token, jwt.PyJWK(key).key, algorithms=["RS256"], audience="onecopy", issuer=discovery["issuer"]
    )
    assert claims["sub"] == "tel:+99900000001"
    assert served("/local/token")[0] == 404


def test_its_private_key_is_not_what_is_given_away(tmp_path: Path) -> None:
    shown = issuer.of(tmp_path, "").jwks()
    assert not {"d", "p", "q", "dp", "dq", "qi"} & shown["keys"][0].keys()
