"""Events that operators are notified of."""

from functools import partial

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns

from stacks.constructs.event_rule import Target

ALERT = {
    "event": "$.detail-type",
    "order_id": "$.detail.data.order_id",
    "event_id": "$.detail.metadata.event_id",
    "causation_id": "$.detail.metadata.causation_id",
}
"""The fields of an alert. Operators may read it as a mail, so it has ids only."""


def alert_of_order(topic: sns.ITopic) -> Target:
    """Return a target that publishes an alert of an order's event on ``topic``."""
    alert = {name: events.EventField.from_path(path) for name, path in ALERT.items()}
    return partial(
        targets.SnsTopic,
        topic=topic,
        authorize_using_role=True,
        message=events.RuleTargetInput.from_object(alert),
    )
