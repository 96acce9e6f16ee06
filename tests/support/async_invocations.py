"""A function that gets its events asynchronously, and its settings."""

import json
from typing import Any

from emulator.cloud import Cloud
from tests.support.deliveries import Message
from tests.support.small_stacks import Template, client, ref, role

RIGHTS = role("sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction", "events:PutEvents")
EVENT = {"order": "o-7"}


def settings(name: str, qualifier: Any = "$LATEST", **properties: Any) -> Template:
    destinations = {
        f"On{outcome}": {"Destination": properties.pop(outcome)}
        for outcome in ("Success", "Failure")
        if outcome in properties
    }
    return {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "Properties": {
            "FunctionName": ref(name),
            "Qualifier": qualifier,
            "DestinationConfig": destinations,
            **properties,
        },
    }


def invoke(cloud: Cloud, name: str, **options: Any) -> None:
    client(cloud, "lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(EVENT), **options
    )


def body(message: Message) -> dict[str, Any]:
    return dict(json.loads(message["Body"]))
