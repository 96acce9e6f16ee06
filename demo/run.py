"""The parts of a run, and how they are created."""

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from demo import (
    api_client,
    database,
    disputes,
    duplicates,
    notifications,
    offers,
    order_book,
    read_side,
    resharding,
)
from demo.deployment import deploy_app
from demo.notifications import Notifications
from demo.read_side import ReadSide
from demo.resharding import Resharding
from demo.screen import Screen
from demo.snapshot import Snapshot
from emulator.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run on a local cloud, and its parts."""

    cloud: Cloud
    outputs: Mapping[str, str]
    """The outputs of the deployed stacks."""
    database: sqlite3.Connection
    """The run's records and results."""
    snapshot: Snapshot
    read_side: ReadSide
    notifications: Notifications
    resharding: Resharding | None
    """None when the order stream keeps its shards."""
    api: api_client.ApiClient
    catalog: api_client.ApiClient
    """A client of the HTTP API with an operator's token, for the catalogue."""
    customers: api_client.Customers
    stop: threading.Event
    """Set when the run ends early: waiting threads then give up."""


def open_database(path: Path) -> sqlite3.Connection:
    """Create the database of a run."""
    connection = sqlite3.connect(path)
    # The database is deleted with the run, so writes need not wait for the disk.
    connection.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
    parts = (order_book, database, read_side, resharding, disputes, duplicates, notifications)
    for part in (*parts, offers):
        connection.executescript(part.SCHEMA)
    return connection


def create_run(
    cloud: Cloud, outputs: Mapping[str, str], database: sqlite3.Connection, *, reshard: bool
) -> Run:
    """Create a run. `reshard` may be true for only one run on each cloud."""
    customers = api_client.create_customers(cloud, outputs)
    stop = threading.Event()
    http = api_client.http(cloud)
    client = partial(api_client.ApiClient, http=http, sleep=stop.wait)
    api = partial(client, callers=customers)
    operators = api_client.Operators(cloud, outputs)
    return Run(
        cloud=cloud,
        outputs=outputs,
        database=database,
        snapshot=Snapshot(cloud, outputs, database),
        read_side=ReadSide(cloud, outputs, database),
        resharding=Resharding(cloud, outputs, database) if reshard else None,
        notifications=Notifications(cloud, outputs, database, api=api(outputs["ApiUrl"])),
        api=api(outputs["ApiUrl"]),
        catalog=client(outputs["ApiUrl"], operators),
        customers=customers,
        stop=stop,
    )


def show_deployment(cloud: Cloud, screen: Screen, *, express: bool = False) -> dict[str, str]:
    """Deploy the app and show the progress; return the outputs of its stacks."""
    with screen.phase("deploying") as note:
        outputs = deploy_app(
            cloud,
            express=express,
            progress=lambda line: note(line.strip()) if line.strip() else None,
        )
        note(f"{len(outputs)} outputs")
    return outputs
