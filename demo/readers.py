"""Readers of tables and logs of any size. They read a page at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from demo.database import insert
from lambdas.runtime.dynamodb import from_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_logs import CloudWatchLogsClient


BEGINNING = datetime.fromtimestamp(0, UTC)


def scan(dynamodb: "DynamoDBClient", table: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a DynamoDB table, a page at a time."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield [from_item(item) for item in page["Items"]]


def ledger_pages(
    run: Callable[..., Any], table: str, columns: list[str], size: int = 1_000
) -> Iterator[list[list[Any]]]:
    """Yield the rows of a ledger's table in the order of their keys, a page at a time.

    `run` executes SQL, as pg8000's `Connection.run`. One query for all rows would load them all
    into memory.
    """
    key = ("order_id", "kind") if "kind" in columns else ("order_id",)
    last = dict.fromkeys(key, "")
    while True:
        page = run(
            f"SELECT {', '.join(columns)} FROM payments.{table}"  # noqa: S608
            f" WHERE ({', '.join(key)}) > ({', '.join(f':{name}' for name in key)})"
            f" ORDER BY {', '.join(key)} LIMIT {size}",
            **last,
        )
        if page:
            yield page
        if len(page) < size:
            return
        last = {name: page[-1][columns.index(name)] for name in key}


def read_log(
    logs: "CloudWatchLogsClient",
    group: str,
    database: Connection,
    table: str,
    row: Callable[[Mapping[str, Any]], Sequence[Any] | None],
    *,
    since: datetime = BEGINNING,
) -> None:
    """Insert the new events of a log group into a table.

    `row` converts a log event to a row, or returns None to leave it out. The first column is the
    `log_id`. A request returns at most 10,000 events, and the next one begins at the time of the
    last event; the primary key drops repeated events.
    """
    events = logs.get_paginator("filter_log_events")
    while True:
        (before, last) = database.execute(
            f"SELECT count(*), coalesce(max(substr(log_id, 1, 15)), '0') FROM {table}"  # noqa: S608
        ).fetchone()
        start = max(int(last), int(since.timestamp() * 1_000))
        for page in events.paginate(logGroupName=group, startTime=start):
            insert(database, table, filter(None, map(row, page["events"])))
        (after,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        if after == before:
            return


def log_id(logged: Mapping[str, Any], unique: str) -> str:
    """Return an id of a log event. Ids sort by time."""
    return f"{logged['timestamp']:015}/{unique}"
