"""Orders are listed from a table of many pages."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lambdas.contracts.times import format_time
from lambdas.runtime.dynamodb import to_item
from ops.commands import order_list
from ops.deployed import Deployed
from ops.orders.listing import Selection, list_orders
from ops.terminal import Terminal
from tests.integration.local_aws import session
from tests.unit.ops.order_samples import order

NOW = datetime(2026, 12, 2, tzinfo=UTC)
FILLER = "x" * 200_000
"""A scan returns 1 MB a page: five of these rows."""


def test_orders_of_all_pages_are_listed(dynamodb: Any, make_table: Callable[..., str]):
    table = make_table("orders", "order_id")
    for number in range(12):
        row = {**order("CONFIRMED"), "order_id": f"{number:032x}", "filler": FILLER}
        dynamodb.put_item(TableName=table, Item=to_item(row))
    expired = {"order_id": "f" * 32, "expired_at": "2026-12-01T00:00:00.000Z"}
    for row in ({"order_id": "garbled"}, expired):
        dynamodb.put_item(TableName=table, Item=to_item(row))

    listing = list_orders(dynamodb, table, Selection(state="CONFIRMED"), limit=5, now=NOW)

    assert (len(listing.orders), listing.selected, listing.with_problems) == (5, 12, 0)
    assert [row.order_id for row in listing.unreadable] == ["garbled"]


LONG_AGO = "2020-01-01T00:00:00.000Z"
MAILS: Sequence[Sequence[Mapping[str, Any]]] = (
    [{"kind": "OrderConfirmed", "with_invoice": True}],
    [],
    [{"kind": "OrderConfirmed"}],
    [{"kind": "OrderConfirmed"}, {"kind": "Invoice", "with_invoice": True}],
    [{"kind": "OrderConfirmed", "with_invoice": True, "state": "POSTED"}],
)
"""The records of the mails about some confirmed orders."""


def test_orders_whose_customers_lack_a_mail_or_an_invoice_are_listed(
    dynamodb: Any,
    endpoint: str,
    make_table: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    table = make_table("orders", "order_id")
    emails = make_table("emails", "order_id", sorted_by="kind")
    for number, kinds in enumerate(MAILS):
        row = {**order("CONFIRMED"), "order_id": f"{number:032x}", "changed_at": LONG_AGO}
        dynamodb.put_item(TableName=table, Item=to_item(row))
        for each in kinds:
            sent = {"order_id": row["order_id"], "state": "SENT", "changed_at": LONG_AGO}
            dynamodb.put_item(TableName=emails, Item=to_item({**sent, **each}))
    now = format_time(datetime.now(UTC))
    young = {**order("CONFIRMED"), "order_id": "f" * 32, "changed_at": now}
    dynamodb.put_item(TableName=table, Item=to_item(young))
    resource = session().resource("dynamodb", endpoint_url=endpoint)
    outputs = {"OrdersTable": table, "EmailRecordsTable": emails}
    deployed = SimpleNamespace(
        outputs=lambda _: outputs,
        client=lambda _: dynamodb,
        table=resource.Table,
        session=SimpleNamespace(resource=lambda _: resource),
    )
    monkeypatch.setattr("ops.orders.listing.ORDERS_AT_ONCE", 2)

    parser = ArgumentParser()
    order_list.arguments(parser)
    code = order_list.run(
        parser.parse_args(["--unnotified", "--json"]), cast(Deployed, deployed), Terminal()
    )

    listed = json.loads(capsys.readouterr().out)
    assert (code, {int(each["order_id"], 16): each["problems"] for each in listed}) == (
        1,
        {
            1: ["its customer was not notified of OrderConfirmed"],
            2: ["its confirmation was mailed without the invoice, which has not followed"],
            4: [
                "the record of the mail OrderConfirmed: state must match"
                " SENDING|SENT|RECORDED|NO_ADDRESS|UNCONFIRMED, not 'POSTED'"
            ],
        },
    )
