"""Inventory and those who read its events, deployed to a local cloud."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration

from demo import api_client
from emulator.cloud import Cloud
from emulator.polling import poll
from lambdas.runtime.dynamodb import from_item
from stacks.environments import DEV
from stacks.purchasing import PurchasingStack
from stacks.supplier import SupplierStack
from tests.support.direct_deployment import deploy_directly
from tests.support.grants import cloud_recording_grants, physical
from tests.support.patching import disable_schedules
from tests.support.storefront_env import declare_storefront_stacks
from tests.templates.synthesis import new_app

SECONDS = 120
ENV = replace(DEV, lead_time=Duration.seconds(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    queues: Mapping[str, str]
    customers: api_client.Customers

    def call(self, function: str, **command: Any) -> Any:
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.functions[function], Payload=json.dumps(command)
        )
        content = json.load(answer["Payload"])
        assert "FunctionError" not in answer, content
        return content

    def function(self, function: str) -> Any:
        return self.cloud.client("lambda").get_function_configuration(
            FunctionName=self.functions[function]
        )

    def receive(self, delivery_id: str, sku: str, quantity: int) -> None:
        line = {"sku": sku, "quantity": quantity}
        self.call("ReceiveStock", delivery_id=delivery_id, lines=[line])

    def reserve(self, order_id: str, sku: str, quantity: int) -> None:
        line = {"sku": sku, "quantity": quantity}
        self.call("ReserveStock", order_id=order_id, lines=[line])

    def rows(self, table: str, sku: str) -> list[dict[str, Any]]:
        answer = self.cloud.client("dynamodb").scan(TableName=self.outputs[table])
        return [row for row in map(from_item, answer["Items"]) if row.get("sku") == sku]

    def shown(self, sku: str) -> tuple[str, int]:
        rows = self.rows("AvailabilityTable", sku)
        return (rows[0]["state"], rows[0]["sequence"]) if rows else ("", 0)

    def get(self, path: str, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.outputs["ApiUrl"] + path
        answer = api_client.http(self.cloud).request("GET", url, headers=headers, retries=False)
        return answer.status, json.loads(answer.data)


def eventually(found: Callable[[], Any], expected: Any) -> None:
    poll(lambda: found() == expected, seconds=SECONDS)
    assert found() == expected


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    storefront = declare_storefront_stacks(app, ENV)
    supplier = SupplierStack(app, env=ENV)
    PurchasingStack(
        app,
        env=ENV,
        alarms=storefront.operations.topic,
        schedules=storefront.operations.schedules,
        inventory=storefront.inventory,
        supplier=supplier.answer_purchase_order,
    )
    app.synth()
    with cloud_recording_grants() as cloud:
        outputs = deploy_directly(cloud, assembly=assembly)
        # What the supplier delivers changes the stock: not behind the back of who counts changes.
        disable_schedules(cloud, "FollowUpPurchaseOrders")
        customers = api_client.create_customers(cloud, outputs, "ada")
        yield Platform(
            cloud=cloud,
            outputs=outputs,
            functions=physical(cloud, "AWS::Lambda::Function"),
            queues=physical(cloud, "AWS::SQS::Queue"),
            customers=customers,
        )
