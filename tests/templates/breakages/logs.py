"""What each check of ``checks.logs`` must report."""

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change, grant
from tests.templates.checks import logs
from tests.templates.synthesis import Platform, Resource


def add(stack: str, id: str, kind: str) -> Breakage:
    """Add a resource without any property."""

    def break_it(broken: Platform) -> Resource:
        name = broken.environment.stack_name(stack)
        declaration = {"Type": kind, "Properties": {}}
        broken.templates[name]["Resources"][id] = declaration
        return Resource(stack=name, id=id, declaration=declaration)

    return break_it


BREAKAGES: list[Case] = [
    (
        logs.there_is_one_logs_resource_policy,
        add("Orders", "Another", kinds.LOG_POLICY),
    ),
    (logs.log_group_has_retention, change(kinds.LOG_GROUP, "", "RetentionInDays")),
    (
        logs.no_role_creates_log_groups,
        grant("GetOrder", Action=["logs:CreateLogGroup", "logs:PutLogEvents"]),
    ),
    (
        logs.aws_service_logs_are_vended,
        change(kinds.STAGE, "", "AccessLogSettings"),
    ),
    (logs.aws_service_logs_are_vended, change(kinds.MACHINE, "", "LoggingConfiguration")),
]
