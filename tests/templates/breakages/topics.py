"""What each check of ``checks.topics`` must report."""

from typing import Any

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change
from tests.templates.checks import topics
from tests.templates.synthesis import Platform, Resource


def say_more(**changed: Any) -> Breakage:
    """Change the target of the rule that alerts operators of held orders."""

    def break_it(broken: Platform) -> Resource:
        rule = broken.one(kinds.RULE, "AlertOrderHeld")
        rule.properties["Targets"][0].update(changed)
        return rule

    return break_it


def forget_transformer(broken: Platform) -> Resource:
    rule = broken.one(kinds.RULE, "AlertOrderHeld")
    rule.properties["Targets"][0].pop("InputTransformer")
    return rule


BREAKAGES: list[Case] = [
    *(
        (topics.topic_is_encrypted, change(kinds.TOPIC, topic, "KmsMasterKeyId"))
        for topic in ("Inventory/Changes", "FailedInvoices", "Operations/Topic")
    ),
    (
        topics.topic_is_encrypted,
        change(
            kinds.TOPIC,
            "Operations/Topic",
            KmsMasterKeyId={"Fn::Join": ["", ["arn:", topics.KEY_OF_AWS]]},
        ),
    ),
    (topics.alert_has_ids_only, forget_transformer),
    (
        topics.alert_has_ids_only,
        say_more(InputTransformer={"InputPathsMap": {"who": "$.detail.data.customer_id"}}),
    ),
]
