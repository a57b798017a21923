"""What only a deployment can show: a stack can be updated, and a role's permissions have an effect."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from botocore.exceptions import ClientError

from infra.aws.template import REGION
from infra.local.emulator import free_port
from infra.local.sam import STACK
from infra.local.stack import LocalStack, StackFailed
from infra.ops import cli
from onecopy.domain.box import BoxKey
from onecopy.domain.token import BadToken, parse
from tests.clients.box_client import BoxClient, fault, new_box
from tests.clients.eventually import eventually
from tests.clients.following import now, page
from tests.clients.uploading import announced, begin, object_url, put

ROOT = Path(__file__).parents[2]
NEW = b"a-new-key-of-forty-characters-and-more-0"
SECONDS = 20
"""Long enough for an upload to appear, if it may."""


class Deployed:
    """A deployment of a copy of the template, which a test can change and deploy again."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "infra" / "template.yaml"
        self._template.parent.mkdir()
        text = (ROOT / "infra" / "template.yaml").read_text()
        self._template.write_text(text.replace("VisibilityTimeout: 150", "VisibilityTimeout: 30"))
        for nested in ("dashboard.yaml", "function-alarms.yaml"):
            (folder / "infra" / nested).symlink_to(ROOT / "infra" / nested)
        (folder / "functions").symlink_to(ROOT / "functions")
        self.stack = LocalStack(folder / "data", free_port(), self._template, deployed=True)

    def again(self, written: str = "", instead: str = "", **parameters: str) -> None:
        text = self._template.read_text()
        assert written in text
        self.stack.stop()
        self._template.write_text(text.replace(written, instead, 1))
        self.stack.parameters |= parameters
        self.stack.start()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    copy = Deployed(tmp_path_factory.mktemp("copy"))
    with copy.stack:
        yield copy


def signed_by(token: str, box: BoxClient, key: bytes) -> bool:
    try:
        parse(token, BoxKey("main", box.box), [key])
    except BadToken:
        return False
    return True


def test_keys_are_changed_and_no_token_that_was_given_out_is_lost(deployed: Deployed) -> None:
    """Also: a changed parameter reaches the version that the API's alias runs, though no code has changed."""
    secrets, name = deployed.stack.aws("secretsmanager"), deployed.stack.name("RestartTokenKeys")
    old = secrets.get_secret_value(SecretId=name)["SecretString"].encode()
    with BoxClient(deployed.stack) as box:
        before = now(box)
        assert signed_by(before, box, old)
        number = box.box
    changed = secrets.put_secret_value(SecretId=name, SecretString=f"{NEW.decode()},{old.decode()}")

    deployed.again(RestartTokenKeysVersion=changed["VersionId"])

    with BoxClient(deployed.stack, number) as box:
        box.folder("made since")
        events, after, _ = page(box, before)
        assert [event["changedFolder"]["name"] for event in events] == ["made since"]
        assert signed_by(after, box, NEW)
        assert not signed_by(after, box, old)


def uploaded(box: BoxClient) -> str:
    """Upload an object; returns the URL where it will appear when `arrival` has done its part."""
    upload = begin(box, announced())
    assert put(upload["part"][0]) == 200
    return object_url(box, upload)


def appears(box: BoxClient, url: str) -> bool:
    return eventually(lambda: box.get(url).status_code == 200, SECONDS)


def test_a_function_without_a_right_does_not_do_what_it_may_not(deployed: Deployed) -> None:
    """Otherwise tests that pass on a deployment would prove nothing about its roles."""
    with BoxClient(deployed.stack) as box:
        assert appears(box, uploaded(box))
    right, less = (
        f"Action: [dynamodb:GetItem, dynamodb:PutItem, {update}dynamodb:DeleteItem]\n"
        "                Resource: !GetAtt Table.Arn\n\n  ArrivalLogs:"
        for update in ("dynamodb:UpdateItem, ", "")
    )

    deployed.again(right, less)

    with BoxClient(deployed.stack) as box:
        url = uploaded(box)
        assert not appears(box, url)
    deployed.again(less, right)
    with BoxClient(deployed.stack, box.box) as box:  # a retry during the deployment hid the message
        assert eventually(lambda: box.get(url).status_code == 200, 4 * SECONDS)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"StoreName": "a/b"}, r"StoreName.*1 to 64 letters"),
        ({"Audience": "onecopy,,network"}, r"Audience.*separated by commas"),
        ({"UserPool": "yes", "BoxClaim": "phone_number"}, r"BoxClaim must be sub or username"),
    ],
)
def test_a_wrong_parameter_is_refused_and_says_what_it_takes(
    tmp_path: Path, wrong: dict[str, str], says: str
) -> None:
    stack = LocalStack(tmp_path / "data", deployed=True, parameters=wrong)
    with pytest.raises(StackFailed, match=says):
        stack.start()


def test_the_operators_tools_find_the_stack_by_its_name(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They find it as at AWS, by credentials, region and CloudFormation, not by files on this machine."""
    key, secret = deployed.stack.credentials
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(deployed.stack.aws("s3").meta.endpoint_url))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)

    assert cli.main(["check", "--stack", STACK]) == 0
    assert "all agrees" in capsys.readouterr().out

    assert cli.main(["check", "--stack", "another"]) == 1
    assert "the stack another" in capsys.readouterr().err


def test_with_a_user_pool_the_network_gets_a_token_that_stores_and_reads_nothing(deployed: Deployed) -> None:
    """This test is the last one: from now on, the stack accepts only the user pool's tokens."""
    box = new_box()

    deployed.again(UserPool="yes", BoxClaim="username")

    stack = deployed.stack
    pool, client = stack.name("Users"), stack.name("NetworkClient")
    cognito = stack.aws("cognito-idp")
    secret = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client)["UserPoolClient"]
    asked = {"grant_type": "client_credentials", "scope": "onecopy/network"}
    url = f"{cognito.meta.endpoint_url}/oauth2/token"
    answer = httpx.post(url, data=asked, auth=(client, secret["ClientSecret"])).json()
    with httpx.Client(headers={"authorization": f"Bearer {answer['access_token']}"}, timeout=30) as network:
        base = f"{stack.url}/nms/v1/main/{quote(box, safe='')}"
        assert network.post(f"{base}/objects", json={"object": {}}).status_code == 201
        assert fault(network.get(f"{base}/changes")) == (403, "POL0001")
        assert fault(network.get(f"{stack.url}/nms/v1/main/acr:auth/changes")) == (403, "POL0001")
    with pytest.raises(ClientError, match="not enabled"):
        cognito.initiate_auth(
            ClientId=stack.name("AppClient"),
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": box, "SRP_A": "ab"},
        )
