"""What topics say, and who may read it on its way."""

from collections.abc import Iterator

from tests.templates.checks.common import check
from tests.templates.kinds import ALARM, RULE, TOPIC
from tests.templates.synthesis import Platform

KEY_OF_AWS = ":alias/aws/sns"
IDS = {
    "$.detail-type",
    "$.detail.data.order_id",
    "$.detail.metadata.event_id",
    "$.detail.metadata.causation_id",
}
"""What an alert of ours may have of its event: operators read it as a mail."""


@check
def topic_is_encrypted(platform: Platform) -> Iterator[str]:
    """With AWS's key, or, where AWS's services publish, with one of ours or with none.

    AWS's key lets no service of AWS use it: what these publish would be lost without an error.
    """
    notified = {
        str(platform.referred(alarm.stack, action))
        for alarm in platform.all(ALARM)
        for action in alarm.properties.get("AlarmActions", [])
    }
    for topic in platform.all(TOPIC):
        key = topic.properties.get("KmsMasterKeyId")
        by_aws = KEY_OF_AWS in str(key)
        if str(topic) not in notified and not by_aws:
            yield f"{topic}: it is not encrypted with AWS's key"
        if str(topic) in notified and (by_aws or (platform.environment.topic_key and not key)):
            yield f"{topic}: its key is not the one that the environment sets: {key}"


@check
def alert_has_ids_only(platform: Platform) -> Iterator[str]:
    """What AWS itself reports, such as a worker's end, has no customer's data."""
    for rule in platform.all(RULE):
        sources = rule.properties["EventPattern"].get("source", [""])
        by_aws = all(str(source).startswith("aws.") for source in sources)
        for target in () if by_aws else rule.properties["Targets"]:
            end = platform.referred(rule.stack, target["Arn"])
            paths = target.get("InputTransformer", {}).get("InputPathsMap", {"": "$"})
            more = sorted(set(paths.values()) - IDS)
            if more and end is not None and end.kind == TOPIC:
                yield f"{rule}: {end.id} gets more than ids: {', '.join(more)}"
