"""Fixtures for code that needs the behaviour of DynamoDB: MiniStack, in this process."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tests.integration.ministack_in_process import serving
from tests.support.clients import forget_clients
from tests.support.handlers import ACCOUNT, import_handler


def session() -> boto3.Session:
    """Return boto3's session with the credentials of the tests' account."""
    return boto3.Session(
        region_name=ACCOUNT["AWS_DEFAULT_REGION"],
        aws_access_key_id=ACCOUNT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ACCOUNT["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The URL of the local cloud. A module of tests has it for itself; its state stays."""
    with serving() as url:
        yield url


@pytest.fixture(scope="module")
def dynamodb(endpoint: str) -> Any:
    """boto3's low-level client."""
    return session().client("dynamodb", endpoint_url=endpoint)


@pytest.fixture(scope="module")
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
    """Load a handler whose clients reach the local cloud: ``load(module, **settings)``.

    Each function of the API knows the environment's name.
    """

    def load(module: str, **settings: str) -> Any:
        common = {"AWS_ENDPOINT_URL": endpoint, "ENVIRONMENT": "test"}
        return import_handler(monkeypatch, module, **{**common, **settings})

    yield load
    forget_clients()
