"""`up` as a person runs it, in a copy of the project with a service that the scaffold wrote."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3

from tests.support.signals import obey_signals
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[2]
NAME, EVENT = "trial", "OrderDispatched"
ORDER = json.dumps(
    {
        "currency": "GBP",
        "country": "United Kingdom",
        "lines": [{"sku": "85123A", "quantity": 6, "unit_price": 255}],
    }
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the service in it, without what is generated for pages."""
    copy = tmp_path_factory.mktemp("project")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, files)):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    run(copy, "-m", "tools.new_service", NAME, EVENT, "--sources-only")
    return copy


def run(copy: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_new_service_passes_lint_types_and_its_own_tests(copy: Path):
    service = [f"stacks/{NAME}.py", f"lambdas/{NAME}", f"tests/unit/{NAME}", "app.py"]
    run(copy, "-m", "ruff", "check", *service)
    run(copy, "-m", "ruff", "format", "--check", *service)
    run(copy, "-m", "pytest", "-q", f"tests/unit/{NAME}", "tests/test_layout.py",
        "tests/test_imports.py", "tests/test_pages.py")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A running `make up`."""

    process: subprocess.Popen[str]
    said: str
    file: Path
    """What a shell sources to talk to it."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What the file's own lines export, as a shell understands them."""
        exports = re.findall(r"^export .+$", self.file.read_text(), re.MULTILINE)
        return dict(shlex.split(line)[1].split("=", 1) for line in exports)


@pytest.fixture(scope="module")
def up(copy: Path) -> Iterator[Up]:
    """`make up` in the copy."""
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "up"],
        cwd=copy,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=obey_signals,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "ends everything" in line:
                    break
            (path,) = re.findall(r"^  \. (\S+/env)$", said, re.MULTILINE)
            yield Up(process=process, said=said, file=Path(path))
        finally:
            process.terminate()


def test_new_service_records_the_event_of_an_order(up: Up):
    settings = up.settings
    order = json.loads(api(up, "/orders", "-H", "Idempotency-Key: 1", "-d", ORDER))
    (stack,) = client(settings, "cloudformation").describe_stacks(
        StackName=f"Orders-Dev-{NAME.title()}"
    )["Stacks"]
    (table,) = (
        output["OutputValue"]
        for output in stack["Outputs"]
        if output["OutputKey"] == f"{NAME.title()}Table"
    )
    key = {"subject": {"S": order["order_id"]}}
    dynamodb = client(settings, "dynamodb")

    wait_until(
        "the order's dispatch is recorded",
        lambda: dynamodb.get_item(TableName=table, Key=key).get("Item"),
    )


def test_up_can_be_talked_to_as_it_says_and_leaves_nothing_behind(up: Up):
    settings = up.settings
    http = urllib3.PoolManager(ca_certs=settings["AWS_CA_BUNDLE"])
    headers = {"Authorization": f"Bearer {token(http, settings)}", "Idempotency-Key": "2"}
    orders = settings["API"] + "/orders"
    placed = http.request("POST", orders, headers=headers, body=ORDER)
    assert placed.status == 202
    order = f"{orders}/{placed.json()['order_id']}"

    def state() -> Any:
        return http.request("GET", order, headers=headers).json()["state"]

    wait_until("the order is dispatched", lambda: state() == "DISPATCHED")

    (console,) = re.findall(r"^  (http://127.0.0.1:\S+)$", up.said, re.MULTILINE)
    assert urllib3.request("GET", console, redirect=False).status == 303

    directory = up.file.parent
    assert processes_of(directory)
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(TIMEOUT_SECONDS) == 128 + signal.SIGTERM
    # Those that were killed may need a moment to be gone.
    wait_until("all processes have ended", lambda: not processes_of(directory))
    assert not directory.exists()
    with pytest.raises(urllib3.exceptions.MaxRetryError, match="refused"):
        urllib3.request("GET", console)


def token(http: urllib3.PoolManager, settings: Mapping[str, str]) -> str:
    """Return an access token of ada, as the guide gets it."""
    answer = http.request(
        "POST",
        settings["AWS_ENDPOINT_URL"],
        headers={
            "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
            "Content-Type": "application/x-amz-json-1.1",
        },
        body=json.dumps(
            {
                "AuthFlow": "USER_PASSWORD_AUTH",
                "ClientId": settings["COGNITO_CLIENT"],
                "AuthParameters": {"USERNAME": "ada", "PASSWORD": settings["PASSWORD"]},
            }
        ),
    )
    return str(answer.json()["AuthenticationResult"]["AccessToken"])


def processes_of(directory: Path) -> list[str]:
    """Return the processes that name the run's directory in their command line."""
    listing = subprocess.run(
        ["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return [line for line in listing.stdout.splitlines() if str(directory) in line]


def api(up: Up, *arguments: str) -> str:
    command = shlex.join(["api", *arguments])
    file = shlex.quote(str(up.file))
    return subprocess.run(
        ["sh", "-c", f". {file}; {command}"], capture_output=True, text=True, check=True
    ).stdout


def client(settings: Mapping[str, str], service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        verify=settings["AWS_CA_BUNDLE"],
        region_name=settings["AWS_REGION"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )
