"""Fixtures for code that needs the behaviour of DynamoDB: MiniStack, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import URLError
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from tests.support.clients import forget_clients
from tests.support.handlers import ACCOUNT, import_handler

START_SECONDS = 30.0


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the local cloud, which ends with the session."""
    directory = tmp_path_factory.mktemp("ministack")
    log = directory / "log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ministack_process", str(listener.fileno())],
            env={**os.environ, "TMPDIR": str(directory)},
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _until_healthy(url, process, log.read_text)
            yield url
        finally:
            process.communicate()


def _until_healthy(url: str, process: subprocess.Popen[bytes], said: Callable[[], str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    pytest.fail(f"MiniStack did not start at {url}:\n{said()}")


@pytest.fixture(scope="session")
def dynamodb(endpoint: str) -> Any:
    """boto3's low-level client, with connections enough for concurrent tests."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=ACCOUNT["AWS_DEFAULT_REGION"],
        aws_access_key_id=ACCOUNT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ACCOUNT["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=32),
    )


@pytest.fixture(scope="session")
def make_table(dynamodb: Any) -> Callable[..., str]:
    """Make an empty table with string keys; returns its name, which no other test has.

    ``index`` is a sparse index of keys only, named and sorted as those of our stacks are.
    """

    def make(prefix: str, key: str, *, sorted_by: str = "", index: tuple[str, ...] = ()) -> str:
        name = f"{prefix}-{uuid4().hex}"
        kinds = ("HASH", "RANGE")
        keys = (key, sorted_by) if sorted_by else (key,)
        sparse = (
            {
                "IndexName": index[0],
                "KeySchema": [
                    {"AttributeName": attribute, "KeyType": kind}
                    for attribute, kind in zip(index, kinds, strict=True)
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            if index
            else None
        )
        dynamodb.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": attribute, "KeyType": kind}
                for attribute, kind in zip(keys, kinds, strict=False)
            ],
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": "S"}
                for attribute in sorted({*keys, *index})
            ],
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": [sparse]} if sparse else {}),
        )
        return name

    return make


@pytest.fixture
def load_handler(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Iterator[Callable[..., Any]]:
    """Load a handler whose clients reach the local cloud: ``load(module, **settings)``."""

    def load(module: str, **settings: str) -> Any:
        return import_handler(monkeypatch, module, **{"AWS_ENDPOINT_URL": endpoint, **settings})

    yield load
    forget_clients()
