"""What each check of ``checks.rights`` must report."""

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change, grant
from tests.templates.checks import rights
from tests.templates.checks.common import statements
from tests.templates.synthesis import Platform, Resource


def remove_source_conditions(kind: str, containing: str) -> Breakage:
    """Let AWS's services act for anybody."""

    def break_it(broken: Platform) -> Resource:
        policy = broken.one(kind, containing)
        for statement in statements(policy):
            if statement["Effect"] == "Allow":
                statement.pop("Condition")
        return policy

    return break_it


BREAKAGES: list[Case] = [
    (
        rights.no_role_has_managed_policies,
        change(kinds.ROLE, "GetOrder", ManagedPolicyArns=["AWSLambdaBasicExecutionRole"]),
    ),
    (rights.permissions_have_no_wildcards, grant("GetOrder", Action="dynamodb:*")),
    (rights.permissions_have_no_wildcards, grant("GetOrder", Resource="*")),
    (
        rights.permissions_have_no_wildcards,
        grant("GetOrder", Resource={"Fn::Join": ["", ["arn:aws:dynamodb:::table/", "*"]]}),
    ),
    (rights.permissions_have_no_wildcards, change(kinds.ROLE, "GetOrder", Policies=[{}])),
    (
        rights.database_is_used_only_by_its_service,
        grant("GetOrder", Resource={"Fn::ImportValue": "TheStockTable"}),
    ),
    (
        rights.resource_policy_has_source_condition,
        remove_source_conditions(kinds.QUEUE_POLICY, "CatchAll"),
    ),
    (
        rights.resource_policy_has_source_condition,
        remove_source_conditions(kinds.TOPIC_POLICY, "Topic"),
    ),
    (rights.resource_policy_has_source_condition, change(kinds.PERMISSION, "", "SourceArn")),
    (
        rights.permissions_have_no_wildcards,
        grant("UpdateTimelines", Action="s3:PutObject", Resource="*"),
    ),
]
