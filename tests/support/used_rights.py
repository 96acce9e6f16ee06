"""The rights that requests need: which IAM action on which resource."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulation.templates import Templates

Right = tuple[str, str]
"""An action, and the name of the resource. Names are as ``simulation.templates`` has them."""
IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""
OTHERS = {
    "invoke": ("lambda:InvokeFunction", "FunctionName"),
    "publish_batch": ("sns:Publish", "TopicArn"),
    "put_object": ("s3:PutObject", "Bucket"),
    "get_object": ("s3:GetObject", "Bucket"),
    "send_message": ("sqs:SendMessage", "QueueUrl"),
}


def rights_of(service: str, operation: str, request: Mapping[str, Any]) -> Iterator[Right]:
    """Yield the rights that a request needs; none for a service that is not known here."""
    if operation in ("transact_write_items", "transact_get_items"):
        for item in request["TransactItems"]:
            ((kind, one),) = item.items()
            yield f"dynamodb:{IN_TRANSACTIONS[kind]}", one["TableName"]
    elif operation == "batch_get_item":
        yield from (("dynamodb:BatchGetItem", table) for table in request["RequestItems"])
    elif service == "dynamodb":
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        action = operation.title().replace("_", "")
        yield f"dynamodb:{action}", request["TableName"] + index
    elif operation == "put_events":
        yield from (("events:PutEvents", entry["EventBusName"]) for entry in request["Entries"])
    elif operation in OTHERS:
        action, name = OTHERS[operation]
        yield action, request[name]


def granted(templates: Templates) -> dict[str, list[Right]]:
    """Return what the roles of functions allow, by the function's module: ``orders.get_order``."""
    roles: dict[str, list[Right]] = {}
    for policy in templates.all("AWS::IAM::Policy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            actions, on = statement["Action"], statement["Resource"]
            rights = [
                (action, resource)
                for action in (actions if isinstance(actions, list) else [actions])
                for resource in (on if isinstance(on, list) else [on])
            ]
            for role in policy.properties["Roles"]:
                roles.setdefault(role, []).extend(rights)
    return {
        ".".join(function.properties["Handler"].split(".")[1:-1]): roles.get(
            function.properties["Role"], []
        )
        for function in templates.all("AWS::Lambda::Function")
    }


def missing(templates: Templates, used: Mapping[str, set[Right]]) -> list[str]:
    """Return each right that a function used and does not have."""
    may = granted(templates)
    return [
        f"{function} may not {action} on {resource}"
        for function, rights in sorted(used.items())
        for action, resource in sorted(rights)
        if not any(
            action == each and (resource == on or resource == on.partition("/")[0])
            for each, on in may[function]
        )
    ]
