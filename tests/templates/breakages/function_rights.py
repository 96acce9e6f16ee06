"""What each check of ``checks.function_rights`` must report."""

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case
from tests.templates.checks import function_rights
from tests.templates.checks.common import as_list, policies_of, statements
from tests.templates.synthesis import Json, Platform, Resource


def of_function(name: str, action: str, *, change: Json) -> Breakage:
    """Change the statement of a function's role that allows an action."""

    def break_it(broken: Platform) -> Resource:
        function = broken.one(kinds.FUNCTION, name)
        role = broken.referred(function.stack, function.properties["Role"])
        assert role is not None
        for policy in policies_of(broken, role):
            for statement in statements(policy):
                if action in as_list(statement["Action"]):
                    change(broken, function, statement)
                    return function
        raise LookupError(f"{name} may not {action}")

    return break_it


def forbid(action: str) -> Json:
    def change(_: Platform, __: Resource, statement: Json) -> None:
        statement["Action"] = [each for each in as_list(statement["Action"]) if each != action]

    return change


def also(action: str) -> Json:
    def change(_: Platform, __: Resource, statement: Json) -> None:
        statement["Action"] = [*as_list(statement["Action"]), action]

    return change


def on_another(kind: str, containing: str) -> Json:
    def change(broken: Platform, function: Resource, statement: Json) -> None:
        (other, *_) = (
            r for r in broken.all(kind) if r.stack == function.stack and containing in r.id
        )
        statement["Resource"] = {"Fn::GetAtt": [other.id, "Arn"]}

    return change


MISSING = (
    ("GetOrder", "logs:CreateLogStream"),
    ("GetOrder", "logs:PutLogEvents"),
    ("GetOrder", "xray:PutTraceSegments"),
    ("MoveUnits", "dynamodb:GetRecords"),
    ("UpdateSales", "kinesis:GetShardIterator"),
    ("UpdateSales", "s3:PutObject"),
    ("UpdateAvailability", "sqs:ChangeMessageVisibility"),
    ("NotifyCustomer", "events:PutEvents"),
    ("IssueInvoice", "sns:Publish"),
    ("IssueInvoice", "lambda:InvokeFunction"),
)
EXCESS = (
    ("GetOrder", "dynamodb:GetItem", also("dynamodb:Scan")),
    ("GetOrder", "dynamodb:GetItem", also("dynamodb:DeleteTable")),
    ("GetOrder", "dynamodb:GetItem", also("sns:Publish")),
    ("GetOrder", "dynamodb:GetItem", on_another(kinds.TABLE, "OpenOrders")),
    ("CancelOrder", "dynamodb:PutItem", on_another(kinds.TABLE, "Checkpoints")),
    ("HoldOrder", "sqs:SendMessage", on_another(kinds.QUEUE, "Repair")),
    ("MoveUnits", "dynamodb:GetRecords", on_another(kinds.TABLE, "Stock")),
)
BREAKAGES: list[Case] = [
    *(
        (
            function_rights.lambda_may_do_what_it_does_for_a_function,
            of_function(name, action, change=forbid(action)),
        )
        for name, action in MISSING
    ),
    *(
        (
            function_rights.function_has_no_right_that_its_code_cannot_use,
            of_function(name, action, change=change),
        )
        for name, action, change in EXCESS
    ),
]
