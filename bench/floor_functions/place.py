"""POST /orders: writes a row, and checks nothing."""

import json
import os
import uuid
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Write the row; return 202 with its id."""
    id = uuid.uuid4().hex
    row: Any = {"order_id": {"S": id}, "state": {"S": "PLACED"}}
    dynamodb.put_item(TableName=os.environ["TABLE"], Item=row)
    return {"statusCode": 202, "body": json.dumps({"order_id": id})}
