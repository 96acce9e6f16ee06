"""A stock change travels: from the row through the topic to purchasing and to the storefront.

Only the stacks that it passes are deployed, with a supplier who delivers at once.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigw

from lambdas.runtime.items import from_item
from local import shop
from local.cloud import Cloud, running
from local.deploy import deploy
from stacks.backbone import BackboneStack
from stacks.components.front_door import FrontDoor
from stacks.environments import DEV
from stacks.inventory import InventoryStack
from stacks.operations import OperationsStack
from stacks.purchasing import PurchasingStack
from stacks.storefront import StorefrontStack
from tests.templates.synthesis import new_app

SECONDS = 30
ENV = replace(DEV, lead_time=Duration.seconds(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    queues: Mapping[str, str]
    customers: shop.Customers

    def call(self, function: str, **command: Any) -> Any:
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.functions[function], Payload=json.dumps(command)
        )
        content = json.load(answer["Payload"])
        assert "FunctionError" not in answer, content
        return content

    def receive(self, delivery_id: str, sku: str, quantity: int) -> None:
        line = {"sku": sku, "quantity": quantity}
        self.call("ReceiveStock", delivery_id=delivery_id, lines=[line])

    def reserve(self, order_id: str, sku: str, quantity: int) -> None:
        line = {"sku": sku, "quantity": quantity}
        self.call("ReserveStock", order_id=order_id, lines=[line])

    def rows(self, table: str, sku: str) -> list[dict[str, Any]]:
        answer = self.cloud.client("dynamodb").scan(TableName=self.outputs[table])
        return [row for row in map(from_item, answer["Items"]) if row["sku"] == sku]

    def shown(self, sku: str) -> tuple[str, int]:
        rows = self.rows("AvailabilityTable", sku)
        return (rows[0]["state"], rows[0]["sequence"]) if rows else ("", 0)

    def get(self, path: str, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.outputs["StorefrontUrl"] + path
        answer = shop.http(self.cloud).request("GET", url, headers=headers, retries=False)
        return answer.status, json.loads(answer.data)


def eventually(found: Callable[[], Any], expected: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while (last := found()) != expected:
        assert time.monotonic() < deadline, last
        time.sleep(0.05)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    operations = OperationsStack(app, env=ENV)
    backbone = BackboneStack(app, env=ENV, alarms=operations.topic, schedules=operations.schedules)
    inventory = InventoryStack(app, env=ENV, bus=backbone.bus, alarms=operations.topic)
    PurchasingStack(
        app,
        env=ENV,
        alarms=operations.topic,
        schedules=operations.schedules,
        inventory=inventory,
    )
    entrance = Stack(app, "Entrance")
    door = FrontDoor(entrance, "FrontDoor", env=ENV)
    # An API has to have a route before it has a stage.
    door.route(apigw.HttpMethod.POST, "/stock", inventory.receive_stock)
    CfnOutput(entrance, "UserPoolId", value=door.customers.user_pool_id)
    CfnOutput(entrance, "UserPoolClientId", value=door.client.user_pool_client_id)
    StorefrontStack(
        app,
        env=ENV,
        alarms=operations.topic,
        order_stream=backbone.order_stream,
        inventory=inventory,
        front_door=door,
    )
    app.synth()
    with running() as cloud:
        outputs = deploy(cloud, assembly=assembly, progress=lambda _: None)
        customers = shop.Customers(
            cloud.client("cognito-idp"),
            pool=outputs["UserPoolId"],
            client=outputs["UserPoolClientId"],
        )
        customers.admit("ada")
        yield Platform(
            cloud=cloud,
            outputs=outputs,
            functions=physical(cloud, "AWS::Lambda::Function"),
            queues=physical(cloud, "AWS::SQS::Queue"),
            customers=customers,
        )


def physical(cloud: Cloud, kind: str) -> dict[str, str]:
    """The physical ids of the resources of a type, by logical id without its hash."""
    cloudformation = cloud.client("cloudformation")
    return {
        resource["LogicalResourceId"][:-8]: resource["PhysicalResourceId"]
        for stack in cloudformation.describe_stacks()["Stacks"]
        for resource in cloudformation.describe_stack_resources(StackName=stack["StackName"])[
            "StackResources"
        ]
        if resource["ResourceType"] == kind
    }


def test_what_runs_low_is_ordered_once_a_crossing_and_shown_until_it_arrives(platform: Platform):
    platform.receive("d1", "85123A", 9)
    eventually(lambda: platform.shown("85123A"), ("IN_STOCK", 1))

    platform.reserve("o1", "85123A", 5)
    platform.reserve("o2", "85123A", 1)
    platform.reserve("o3", "85123A", 3)
    eventually(lambda: platform.shown("85123A"), ("SOLD_OUT", 4))
    eventually(lambda: len(platform.rows("PurchaseOrdersTable", "85123A")), 2)

    assert platform.call("DeliverOrders") == {"delivered": 2}
    eventually(lambda: platform.shown("85123A"), ("IN_STOCK", 6))
    (row,) = platform.rows("StockTable", "85123A")
    assert (row["available"], row["reserved"]) == (10, 9)
    assert platform.call("DeliverOrders") == {"delivered": 0}
    states = [row["state"] for row in platform.rows("PurchaseOrdersTable", "85123A")]
    assert states == ["DELIVERED"] * 2


def test_a_product_is_shown_to_customers(platform: Platform):
    platform.receive("d2", "71053", 3)
    eventually(lambda: platform.shown("71053"), ("LOW", 1))

    assert platform.get("/products/71053")[0] == 401
    token = platform.customers.token("ada")
    status, product = platform.get("/products/71053", token)
    assert (status, product["state"], product["available"]) == (200, "LOW", 3)
    assert platform.get("/products/none", token)[0] == 404


def test_poison_is_parked_with_its_reason_and_what_is_behind_it_flows(platform: Platform):
    sqs = platform.cloud.client("sqs")
    queue = platform.queues["ShowAvailabilityQueue"]
    sqs.send_message(
        QueueUrl=queue, MessageBody="poison", MessageGroupId="22752", MessageDeduplicationId="p1"
    )
    platform.receive("d3", "22752", 9)

    eventually(lambda: platform.shown("22752"), ("IN_STOCK", 1))
    (parked,) = sqs.receive_message(
        QueueUrl=platform.queues["ShowAvailabilityGivenUp"],
        MessageAttributeNames=["reason"],
        WaitTimeSeconds=5,
    )["Messages"]
    assert parked["Body"] == "poison"
    reason = parked["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith("not a message: it is not JSON")


def test_every_setting_of_the_edge_arrived(platform: Platform):
    """CloudFormation says so whatever happens; only a read-back proves it."""
    sns, sqs = platform.cloud.client("sns"), platform.cloud.client("sqs")
    topic = platform.outputs["StockTopic"]
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["FifoTopic"], attributes["FifoThroughputScope"]) == ("true", "MessageGroup")
    for found in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        given = sns.get_subscription_attributes(SubscriptionArn=found["SubscriptionArn"])
        assert given["Attributes"]["RawMessageDelivery"] == "true"
        assert given["Attributes"]["FilterPolicyScope"] == "MessageBody"
        assert (
            "Undelivered" in json.loads(given["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
        )
    for name in ("OrderMore", "ShowAvailability"):
        for place in ("Queue", "GivenUp", "Undelivered"):
            given = sqs.get_queue_attributes(
                QueueUrl=platform.queues[f"{name}{place}"], AttributeNames=["All"]
            )["Attributes"]
            assert given["FifoQueue"] == "true"
            assert given["MessageRetentionPeriod"] == "1209600"
            assert given["DeduplicationScope"] == "messageGroup"
            assert given["FifoThroughputLimit"] == "perMessageGroupId"
