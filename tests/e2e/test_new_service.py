"""A service that the scaffold writes, in a copy of the project: checked, deployed and used."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.waiting import wait_until

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


@pytest.fixture
def settings(copy: Path) -> Iterator[dict[str, str]]:
    """What a shell next to `make up` has, while it runs in the copy."""
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "up"], cwd=copy, stdout=subprocess.PIPE, text=True
    ) as up:
        try:
            assert up.stdout is not None
            said = ""
            for line in up.stdout:
                said += line
                if "ends everything" in line:
                    break
            (path,) = re.findall(r"^  \. (\S+/env)$", said, re.MULTILINE)
            exports = re.findall(r"^export .+$", Path(path).read_text(), re.MULTILINE)
            yield {
                "FILE": path,
                **dict(shlex.split(line)[1].split("=", 1) for line in exports),
            }
        finally:
            up.terminate()


def test_new_service_records_the_event_of_an_order(settings: dict[str, str]):
    order = json.loads(api(settings, "/orders", "-H", "Idempotency-Key: 1", "-d", ORDER))
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


def api(settings: dict[str, str], *arguments: str) -> str:
    command = shlex.join(["api", *arguments])
    file = shlex.quote(settings["FILE"])
    return subprocess.run(
        ["sh", "-c", f". {file}; {command}"], capture_output=True, text=True, check=True
    ).stdout


def client(settings: dict[str, str], service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        verify=settings["AWS_CA_BUNDLE"],
        region_name=settings["AWS_REGION"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )
