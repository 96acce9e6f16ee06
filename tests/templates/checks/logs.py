"""Log groups and who writes to them."""

from collections.abc import Iterator

from tests.templates.checks.common import as_list, check, permissions
from tests.templates.kinds import LOG_GROUP, LOG_POLICY, MACHINE, STAGE
from tests.templates.synthesis import Platform


@check
def there_is_one_logs_resource_policy(platform: Platform) -> Iterator[str]:
    """A Region holds ten, for all environments and applications in the account."""
    first, *more = platform.all(LOG_POLICY)
    for policy in more:
        yield f"{policy}: {first} already covers all rules"


@check
def log_group_has_retention(platform: Platform) -> Iterator[str]:
    for group in platform.all(LOG_GROUP):
        if not group.properties.get("RetentionInDays"):
            yield f"{group}: it has no retention"


@check
def no_role_creates_log_groups(platform: Platform) -> Iterator[str]:
    """A group that a function creates reappears after destroy, without retention."""
    for role, statement in permissions(platform):
        if {"logs:CreateLogGroup", "logs:*", "*"} & set(as_list(statement["Action"])):
            yield f"{role}: it may create log groups"


@check
def aws_service_logs_are_vended(platform: Platform) -> Iterator[str]:
    """For other groups AWS extends a resource policy whose size is limited."""
    for resource in platform.all(STAGE, MACHINE):
        if resource.kind == STAGE:
            destinations = [resource.properties.get("AccessLogSettings", {}).get("DestinationArn")]
        else:
            logging = resource.properties.get("LoggingConfiguration", {})
            destinations = [
                destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
                for destination in logging.get("Destinations", [])
            ]
        groups = [platform.referred(resource.stack, destination) for destination in destinations]
        if not groups:
            yield f"{resource}: it writes no logs"
        for group in groups:
            name = str(group and group.properties.get("LogGroupName"))
            if not name.startswith("/aws/vendedlogs/"):
                yield f"{resource}: it logs to {name}"
