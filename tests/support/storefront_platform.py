"""Storefront and the stacks on the way to it, deployed to a local cloud with fan-out as in prod."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from demo import api_client
from emulator.cloud import Cloud
from lambdas.contracts.envelope import envelope
from lambdas.contracts.event import Event
from lambdas.contracts.values import Money, PricedLine
from stacks.environments import DEV
from tests.support.direct_deployment import deploy_directly
from tests.support.grants import cloud_recording_grants, physical
from tests.support.storefront_env import declare_storefront_stacks
from tests.templates.synthesis import new_app

ENV = replace(DEV, enhanced_fan_out=True, operators_client=True)
TOTAL = Money(amount=1_530, currency="GBP")
LINES = (PricedLine(sku="85123A", quantity=6, unit_price=255),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    cloud: Cloud
    outputs: Mapping[str, str]
    customers: api_client.Customers
    queues: Mapping[str, str]

    def publish(self, order: str, sequence: int, event: Event, at: str) -> None:
        """Put an event on the bus."""
        entry = entry_of(order, sequence, event, at) | {"EventBusName": self.outputs["EventBus"]}
        answer = self.cloud.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    def write(self, key: str, data: str) -> None:
        """Put a record on the stream, by the bus's back."""
        self.cloud.client("kinesis").put_record(
            StreamName=self.outputs["OrderStreamName"], PartitionKey=key, Data=data
        )

    def get(self, path: str, token: str, **headers: str) -> tuple[int, Any, Mapping[str, str]]:
        answer = api_client.http(self.cloud).request(
            "GET",
            self.outputs["ApiUrl"] + path,
            headers={"Authorization": f"Bearer {token}", **headers},
            retries=False,
        )
        return answer.status, json.loads(answer.data or b"null"), dict(answer.headers)

    def events(self, order: str, token: str) -> list[str]:
        status, content, _ = self.get(f"/orders/{order}/timeline", token)
        return [event["event"] for event in content["events"]] if status == 200 else []

    @property
    def operator(self) -> str:
        """A token of the operators' client, as its secret and Cognito's OAuth endpoint give it."""
        client = self.outputs["OperatorsClientId"]
        found = self.cloud.client("cognito-idp").describe_user_pool_client(
            UserPoolId=self.outputs["UserPoolId"], ClientId=client
        )
        secret = found["UserPoolClient"]["ClientSecret"]
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        answer = api_client.http(self.cloud).request(
            "POST",
            self.outputs["OperatorsTokenUrl"],
            fields={
                "grant_type": "client_credentials",
                "scope": "operators/read",
            },
            headers={"Authorization": f"Basic {basic}"},
            encode_multipart=False,
        )
        return str(json.loads(answer.data)["access_token"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = new_app(outdir=str(assembly))
    declare_storefront_stacks(app, ENV)
    app.synth()
    with cloud_recording_grants(only=("Storefront", "Backbone")) as cloud:
        outputs = deploy_directly(cloud, assembly=assembly)
        customers = api_client.create_customers(cloud, outputs, "ada", "bob")
        queues = physical(cloud, "AWS::SQS::Queue")
        yield Platform(cloud=cloud, outputs=outputs, customers=customers, queues=queues)


@pytest.fixture(scope="module")
def ada(platform: Platform) -> str:
    return platform.customers.token("ada")


def entry_of(order: str, sequence: int, event: Event, at: str) -> dict[str, Any]:
    """An event as it is put on the bus."""
    published = envelope(
        event,
        subject=order,
        sequence=sequence,
        correlation_id=order,
        causation_id=order,
        occurred_at=f"2026-12-01T{at}+00:00",
    )
    return published.to_put_events_entry("")
