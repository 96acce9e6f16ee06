"""Publishes an event for each new row."""

import json
import os
from typing import Any

import boto3

eventbridge = boto3.client("events")


def handler(event: dict[str, Any], context: object) -> None:
    """Publish the events one by one."""
    for record in event["Records"]:
        if record["eventName"] == "INSERT":
            order = record["dynamodb"]["NewImage"]["order_id"]["S"]
            entry: Any = {
                "Source": "floor",
                "DetailType": "Placed",
                "Detail": json.dumps({"order_id": order}),
                "EventBusName": os.environ["BUS"],
            }
            eventbridge.put_events(Entries=[entry])
