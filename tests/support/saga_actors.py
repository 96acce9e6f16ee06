"""Actors of a saga, which follow the script of their command, and the names of its actions."""

from dataclasses import dataclass

from lambdas.contracts.commands import Command, Refusal

ACTOR = '''
import json, os, time, boto3
dynamodb = boto3.client("dynamodb")
# Connected, a call takes milliseconds: the function's time is for what the script says.
dynamodb.describe_endpoints()

class Refused(Exception):
    """No means no."""

class AlreadyCompensated(Exception):
    """It was undone before."""

class Irreversible(Exception):
    """It cannot be undone any more."""

def handler(event, context):
    name, order_id = os.environ["NAME"], event["order_id"]
    dynamodb.put_item(TableName=os.environ["JOURNAL"], Item={
        "order_id": {"S": order_id}, "at": {"N": str(time.time_ns())}, "call": {"S": name}})
    print("played", name, json.dumps(event))
    act = json.loads(event["script"]).get(name)
    if act == "refuse":
        raise Refused(f"{name} says no")
    if act == "be late":
        raise AlreadyCompensated(f"{name} was undone")
    if act == "be gone":
        raise Irreversible(f"{name} comes too late")
    if act == "crash":
        raise RuntimeError("an accident")
    if act == "be busy":
        raise TimeoutError("somebody is busy")
    if act == "hang":
        time.sleep(5)
    if act == "cancel":
        dynamodb.update_item(TableName=os.environ["RECORDS"], Key={"order_id": {"S": order_id}},
            UpdateExpression="SET cancel_requested_at = :now",
            ExpressionAttributeValues={":now": {"S": "now"}})
    if act and act.startswith("confirm"):
        later = {"confirm, dispatch": "DISPATCHED", "confirm, withdraw": "WITHDRAWN"}
        state = later.get(act, "DONE")
        dynamodb.update_item(TableName=os.environ["RECORDS"], Key={"order_id": {"S": order_id}},
            UpdateExpression="SET #state = :state"
                + (" REMOVE claim_owner, claim_until" if state == "WITHDRAWN" else ""),
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state}})
    if act == "steal the claim":
        dynamodb.update_item(TableName=os.environ["RECORDS"], Key={"order_id": {"S": order_id}},
            UpdateExpression="SET claim_owner = :thief",
            ExpressionAttributeValues={":thief": {"S": "somebody else"}})
    return {"lines": len(event.get("lines", []))}
'''


class Refused(Refusal):
    """What the actors refuse with."""


class AlreadyCompensated(Refusal):
    """How they refuse what was undone before."""


class Irreversible(Refusal):
    """How they refuse to undo what has left for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act(Command):
    """What an action is asked."""

    order_id: str
    script: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Command):
    """What a compensation is asked."""

    order_id: str
    script: str


NAMES = [("First", "UndoFirst"), ("Second", "UndoSecond"), ("Third", "UndoThird")]
ACTIONS = [action for action, _ in NAMES]
UNDO = dict(NAMES)
