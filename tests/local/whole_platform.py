"""The whole platform at work, and an operator who has the places in it under his eyes."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lambdas.runtime.dynamodb import from_item, to_item
from local import http_api, shop, verify
from local.cloud import Cloud
from local.evidence import SCHEMA, Evidence, insert
from ops.deployed import Deployed
from tests.local.breaking import Breaking
from tests.local.bringing_back import Operator

CUSTOMER = "ada"
SKU, PRICE = "85123A", 255
HERE = "France"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    client: Callable[[str], Any]
    """Makes a boto3 client, once for each service."""
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    """The names of functions as AWS has them, by ours."""
    customers: http_api.Customers
    database: sqlite3.Connection
    evidence: Evidence
    operator: Operator

    def api(self, output: str = "ApiUrl") -> http_api.Api:
        http = http_api.http(self.cloud)
        return http_api.Api(self.outputs[output], self.customers, http=http, sleep=lambda _: None)

    def place(self, key: str, country: str = HERE) -> str:
        # No two look the same, or the later one would be held for that.
        price = PRICE + sum(key.encode())
        lines = [{"sku": SKU, "quantity": 1, "unit_price": price}]
        answer = self.api().place(customer=CUSTOMER, key=key, country=country, lines=lines)
        assert answer.status == 202, answer
        insert(self.database, "accepted", [(answer.body["order_id"], key)])
        return str(answer.body["order_id"])

    def cancel(self, order: str) -> str:
        answer = self.api().cancel(order, customer=CUSTOMER)
        insert(self.database, "asked_to_cancel", [(order, answer.body["state"])])
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

    def violations(self) -> list[verify.Violation]:
        self.evidence.gather()
        self.evidence.gather_parked()
        self.evidence.gather_events()
        return list(verify.violations(self.database, (*verify.RULES, *verify.SETTLED)))


def at_work(
    cloud: Cloud, outputs: Mapping[str, str], database: sqlite3.Connection, *, environment: str
) -> Platform:
    database.executescript(shop.SCHEMA + SCHEMA)
    customers = http_api.customers_of(cloud, outputs, CUSTOMER)
    deployed = Deployed(session=Root(cloud), environment=environment).templates()
    places = list(deployed.failure_sinks())
    client = cache(cloud.client)
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
        evidence=Evidence(cloud, outputs, database),
        operator=Operator(
            client=client,
            places=places,
            breaking=Breaking(deployed, places),
            mark_compensation_completed=outputs["MarkCompensationCompletedFunction"],
        ),
    )


@dataclass(frozen=True, slots=True)
class Root:
    """The account's root user, as a session of boto3."""

    cloud: Cloud

    def client(self, service: str, **_: Any) -> Any:
        return self.cloud.client(service)
