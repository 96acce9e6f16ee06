"""What each check of ``checks.events`` must report."""

from typing import Any

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change, grant
from tests.templates.checks import events
from tests.templates.checks.common import is_catch_all, statements
from tests.templates.synthesis import Platform, Resource


def change_rule(**changed: Any) -> Breakage:
    """Change the catch-all."""

    def break_it(broken: Platform) -> Resource:
        rule = next(r for r in broken.all(kinds.RULE) if is_catch_all(r, broken))
        rule.properties.update(changed)
        return rule

    return break_it


def change_target(*gone: str) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        rule = broken.one(kinds.RULE, "StartFulfilment")
        for name in gone:
            rule.properties["Targets"][0].pop(name)
        return rule

    return break_it


def change_dead_letter_policy(broken: Platform) -> Resource:
    rule = broken.one(kinds.RULE, "StartFulfilment")
    policy = broken.one(kinds.QUEUE_POLICY, "StartFulfilment")
    statements(policy)[1]["Condition"]["ArnEquals"]["aws:SourceArn"] = "*"
    return rule


def map_replay_queue_to_function(broken: Platform) -> Resource:
    """Let a function be fed from the queue for replayed events."""
    rule = broken.one(kinds.RULE, "Replays")
    queue = {"StackName": rule.stack, "OutputName": "ReplayQueueUrl"}
    change(kinds.MAPPING, EventSourceArn={"Fn::GetStackOutput": queue})(broken)
    return rule


def make_dead_letter_queue_fifo(broken: Platform) -> Resource:
    broken.one(kinds.QUEUE, "StartFulfilment").properties["FifoQueue"] = True
    return broken.one(kinds.RULE, "StartFulfilment")


def log_elsewhere(broken: Platform) -> Resource:
    broken.one(kinds.LOG_GROUP, "EventLog").properties["LogGroupName"] = "/elsewhere"
    return next(r for r in broken.all(kinds.RULE) if is_catch_all(r, broken))


def publishing(source: str, *types: str) -> dict[str, Any]:
    """Return the conditions of a grant to put events."""
    some = {"ForAllValues:StringEquals": {"events:detail-type": [*types]}} if types else {}
    return {"StringEquals": {"events:source": source}, **some}


BREAKAGES: list[Case] = [
    (events.rule_target_has_retries_and_dead_letter_queue, change_target("RetryPolicy")),
    (events.rule_target_has_retries_and_dead_letter_queue, change_target("DeadLetterConfig")),
    (events.rule_target_has_retries_and_dead_letter_queue, change_dead_letter_policy),
    (events.rule_target_has_retries_and_dead_letter_queue, make_dead_letter_queue_fifo),
    (
        events.rule_ignores_replayed_events,
        change(kinds.RULE, "AlertOrderNeedsAttention", EventPattern={"source": ["com.aws.orders"]}),
    ),
    (
        events.rule_ignores_replayed_events,
        change(
            kinds.RULE,
            "ToOrderStream",
            EventPattern={"source": ["com.aws.orders"], "replay-name": [{"exists": True}]},
        ),
    ),
    (events.rule_ignores_replayed_events, map_replay_queue_to_function),
    (events.catch_all_rule_is_as_in_the_tutorial, change_rule(Description="Catches all")),
    (events.catch_all_rule_is_as_in_the_tutorial, change_rule(State="DISABLED")),
    (
        events.catch_all_rule_is_as_in_the_tutorial,
        change_rule(
            EventPattern={"source": ["com.aws.orders"], "replay-name": [{"exists": False}]}
        ),
    ),
    (events.catch_all_rule_is_as_in_the_tutorial, log_elsewhere),
    (events.bus_is_named_orders_only_in_dev, change(kinds.BUS, Name="Bestellungen")),
    (
        events.put_events_is_limited_to_own_source_and_types,
        grant("RepublishStalled", Condition={"StringLike": {"events:source": "com.aws.*"}}),
    ),
    (
        events.put_events_is_limited_to_own_source_and_types,
        grant(
            "RepublishStalled",
            Condition={"StringEqualsIfExists": {"events:source": "com.aws.orders"}},
        ),
    ),
    (events.put_events_is_limited_to_own_source_and_types, grant("RepublishStalled", Resource="*")),
    (
        events.put_events_is_limited_to_own_source_and_types,
        grant("RepublishStalled", Condition=publishing("com.aws.orders")),
    ),
    (
        events.put_events_is_limited_to_own_source_and_types,
        grant("IngestDispute", Condition=publishing("com.aws.payments", "PaymentTaken")),
    ),
]
