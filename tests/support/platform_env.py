"""The whole platform, deployed to a local cloud, and an operator of its failure sinks."""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo import api_client, order_book, purchasing
from demo.database import SCHEMA, insert
from demo.invariant_checks import CHECKS, QUIESCENT_CHECKS
from demo.invariants import Check, Violation, find_violations
from demo.snapshot import Snapshot
from emulator.cloud import Cloud, RootSession
from lambdas.runtime.dynamodb import from_item, to_item
from ops.deployed import Deployed
from ops.dlq.discovery import find_failure_sinks
from tests.support.faults import FaultCatalog
from tests.support.offers import put_on_offer
from tests.support.redrive_driver import Operator

CUSTOMER = "ada"
SKU, PRICE = "85123A", 255
HERE = "France"
ALL_CHECKS = (*CHECKS, *QUIESCENT_CHECKS, *purchasing.CHECKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    client: Callable[[str], Any]
    """Makes a boto3 client, once for each service."""
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    """The names of functions as AWS has them, by ours."""
    customers: api_client.Customers
    database: sqlite3.Connection
    snapshot: Snapshot
    operator: Operator

    def api(self, output: str = "ApiUrl") -> api_client.ApiClient:
        http = api_client.http(self.cloud)
        return api_client.ApiClient(
            self.outputs[output], self.customers, http=http, sleep=time.sleep
        )

    def place(self, key: str, country: str = HERE) -> str:
        # No two look the same, or the later one would be held for that.
        price = PRICE + sum(key.encode())
        lines = [{"sku": SKU, "quantity": 1, "unit_price": price}]
        put_on_offer(self.client("dynamodb"), self.outputs["OffersTable"], *lines)
        answer = self.api().place(customer=CUSTOMER, key=key, country=country, lines=lines)
        assert answer.status == 202, answer
        insert(self.database, "accepted", [(answer.body["order_id"], key)])
        return str(answer.body["order_id"])

    def cancel(self, order: str) -> str:
        answer = self.api().cancel(order, customer=CUSTOMER)
        assert "state" in answer.body, answer
        insert(self.database, "cancel_requests", [(order, answer.body["state"])])
        return str(answer.body["state"])

    def call(self, function: str, **event: Any) -> None:
        answer = self.client("lambda").invoke(
            FunctionName=self.functions[function], Payload=json.dumps(event)
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def row(self, table: str, **key: str) -> dict[str, Any]:
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs[table], Key=to_item(key), ConsistentRead=True
        )
        return from_item(answer.get("Item", {}))

    def state(self, order: str) -> str:
        return str(self.row("OrdersTable", order_id=order)["state"])

    def becomes(self, state: str, *orders: str) -> None:
        self.operator.until(
            f"{orders} become {state}", lambda: {self.state(each) for each in orders} == {state}
        )

    def violations(self, checks: Sequence[Check] = ALL_CHECKS) -> list[Violation]:
        self.snapshot.gather()
        self.snapshot.gather_dead_letters()
        self.snapshot.gather_events()
        return list(find_violations(self.database, checks))


def running_platform(
    cloud: Cloud, outputs: Mapping[str, str], database: sqlite3.Connection, *, environment: str
) -> Platform:
    database.executescript(order_book.SCHEMA + SCHEMA)
    customers = api_client.create_customers(cloud, outputs, CUSTOMER)
    deployed = Deployed(session=RootSession(cloud), environment=environment).templates()
    sinks = list(find_failure_sinks(deployed))
    client = cloud.client
    return Platform(
        cloud=cloud,
        client=client,
        outputs=outputs,
        functions={
            each.name.partition("/")[2]: each.physical
            for each in deployed.resources("AWS::Lambda::Function")
        },
        customers=customers,
        database=database,
        snapshot=Snapshot(cloud, outputs, database),
        operator=Operator(
            client=client,
            sinks=sinks,
            faults=FaultCatalog(deployed, sinks),
            mark_compensation_completed=outputs["MarkCompensationCompletedFunction"],
        ),
    )
