"""A DSQL cluster on the local cloud: real PostgreSQL, DSQL's refusals, tokens and TLS."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import boto3
import pytest

from emulator import cloud
from emulator.polling import poll
from lambdas.payments import migrations
from lambdas.payments.database import RETRY, Database, connect
from lambdas.payments.store import LedgerStore
from lambdas.payments.unresolved_charges import UnresolvedCharges
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents
from tests.support.clients import forget_clients, sign_as
from tests.support.payments import CardProvider, ledger_of


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[cloud.Cloud]:
    with cloud.running() as running:
        yield running


@pytest.fixture(scope="session")
def cluster(local_cloud: cloud.Cloud) -> dict[str, str]:
    """The identifier, ARN and endpoint of an empty cluster."""
    dsql = local_cloud.client("dsql")
    created = dsql.create_cluster(deletionProtectionEnabled=False)

    def active() -> dict[str, str]:
        found = dsql.get_cluster(identifier=created["identifier"])
        return found if found["status"] == "ACTIVE" else {}

    described = poll(active, seconds=20)
    return {name: described[name] for name in ("identifier", "arn", "endpoint")}


@pytest.fixture(scope="session")
def root(local_cloud: cloud.Cloud) -> boto3.session.Session:
    return boto3.session.Session(
        local_cloud.access_key, local_cloud.access_key, region_name=local_cloud.region
    )


@pytest.fixture
def settings(
    local_cloud: cloud.Cloud,
    cluster: dict[str, str],
    root: boto3.session.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a function that may do anything in the database."""
    for name, value in local_cloud.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SSL_CERT_FILE", str(local_cloud.certificate))
    monkeypatch.setenv("DATABASE_ENDPOINT", cluster["endpoint"])
    monkeypatch.setenv("DATABASE_ROLE", "admin")
    monkeypatch.setenv("EVENT_BUS", "Orders")
    monkeypatch.setenv("CARD_PROVIDER_FUNCTION", "nobody")
    sign_as(root, monkeypatch)
    yield monkeypatch
    forget_clients()


@pytest.fixture
def load(settings: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a function's module as a fresh execution environment does: ``load(verb)``."""

    def load(verb: str) -> Any:
        module = f"lambdas.payments.{verb}"
        sys.modules.pop(module, None)
        return importlib.import_module(module)

    return load


@pytest.fixture
def admin(settings: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database, migrated, as ``admin``."""
    database = Database(partial(connect, 10), retry=replace(RETRY, sleep=lambda _: None))
    migrations.apply(database, migrations.files())
    yield database
    database.close()


@pytest.fixture
def events() -> FakeEvents:
    """A client of EventBridge that accepts every event."""
    return FakeEvents()


@pytest.fixture
def store(admin: Database, events: FakeEvents) -> LedgerStore:
    return ledger_of(admin, events)


@pytest.fixture
def provider() -> CardProvider:
    return CardProvider()


@pytest.fixture
def unresolved_charges(admin: Database, events: FakeEvents) -> UnresolvedCharges:
    return UnresolvedCharges(admin, Bus("Orders", eventbridge=events))


@pytest.fixture
def empty_indexes(admin: Database) -> None:
    """Delete what other tests left in the outbox and in the index of unresolved charges."""
    admin.run("DELETE FROM payments.unresolved_charges")
    admin.run("DELETE FROM payments.outbox")
