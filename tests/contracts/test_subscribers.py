"""Each event has a subscriber or a reason for none; a rule matches what its consumer decodes."""

import json
from typing import Any

import pytest

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE
from lambdas.contracts.inventory import STOCK_EVENTS, TOPIC
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderDispatched,
    OrderPlaced,
    OrderRejected,
)
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.patterns import live_pattern
from tests.contracts.catalog import EVENTS, TUTORIAL, detail_of, matches, read, sample_of
from tests.contracts.subscribers import (
    everywhere,
    is_replay_rule,
    matched_by,
    patterns_of,
    rules,
    subscriptions,
    without_subscriber,
)
from tests.templates.checks.common import is_catch_all
from tests.templates.kinds import ARCHIVE, RULE, SUBSCRIPTION
from tests.templates.synthesis import platform


@everywhere
class TestRules:
    def test_rule_matches_exactly_its_contracts(self, environment: str):
        found = {
            rule.id: matched_by(rule.properties["EventPattern"])
            for rule in rules(platform(environment))
        }
        for start, events in {
            "ToOrderStream": {event for event in ORDER_STREAM_EVENTS if not event.via_destination},
            "DestinationEventsToStream": {
                event for event in ORDER_STREAM_EVENTS if event.via_destination
            },
            "Notify": {OrderRejected, OrderCancelled, OrderDispatched},
        }.items():
            (matched,) = (found.pop(id) for id in list(found) if id.startswith(start))
            assert set(matched) == events

        assert found != {}
        assert {id: events for id, events in found.items() if len(events) != 1} == {}

    def test_every_event_has_a_subscriber_or_a_reason(self, environment: str):
        assert without_subscriber(patterns_of(platform(environment))) == [], (
            "nobody reads them: add a rule (docs/how-to/add-a-rule.md), or give the class of each"
            " a no_subscriber_reason"
        )

    def test_published_event_matches_its_rule(self, environment: str):
        for rule in rules(platform(environment)):
            pattern = rule.properties["EventPattern"]
            for event in matched_by(pattern):
                assert matches(pattern, delivered(parse_detail(event, detail_of(event))))

    def test_rule_matches_every_version_of_its_event(self, environment: str):
        """A consumer dead-letters a version that it does not read; unmatched, it would be lost."""
        for rule in rules(platform(environment)):
            pattern = rule.properties["EventPattern"]
            for event in matched_by(pattern):
                delivered = read(sample_of(event))
                metadata = delivered["detail"].get("responsePayload", delivered["detail"])
                metadata["metadata"]["schema_version"] = event.version + 1
                assert matches(pattern, delivered)

    def test_one_rule_matches_replays_of_the_order_stream_and_nothing_live(self, environment: str):
        (rule,) = filter(is_replay_rule, platform(environment).all(RULE))
        pattern = rule.properties["EventPattern"]
        assert matched_by(pattern) == []
        matched = [
            event
            for event in EVENTS
            if matches(pattern, {**read(sample_of(event)), "replay-name": "again"})
        ]
        assert set(matched) == set(ORDER_STREAM_EVENTS)

    def test_no_live_rule_matches_a_replay(self, environment: str):
        for rule in rules(platform(environment)):
            pattern = rule.properties["EventPattern"]
            for event in matched_by(pattern):
                assert not matches(pattern, read(sample_of(event)) | {"replay-name": "rebuild"})

    def test_tutorial_event_matches_only_the_catch_all(self, environment: str):
        of = platform(environment)
        matched = [
            rule for rule in of.all(RULE) if matches(rule.properties["EventPattern"], TUTORIAL)
        ]

        assert [is_catch_all(rule, of) for rule in matched] == [True]

    def test_archive_takes_every_event_of_the_bus(self, environment: str):
        pattern = platform(environment).one(ARCHIVE).properties["EventPattern"]

        on_the_bus = [event for event in EVENTS if not event.topic]
        assert matched_by(pattern, on_the_bus) == on_the_bus
        assert not matches(pattern, TUTORIAL | {"source": "aws.ec2"})


@everywhere
class TestSubscriptions:
    """A subscription lets exactly those contracts through that its function decodes."""

    @pytest.mark.parametrize("subscriber", ["AvailabilitySubscriber", "StockChanges"])
    def test_subscriber_of_all_events_gets_each(self, environment: str, subscriber: str):
        subscription = platform(environment).one(SUBSCRIPTION, subscriber)

        assert set(matched_by(subscription.properties["FilterPolicy"])) == set(STOCK_EVENTS)

    def test_filter_policy_matches_only_events_of_its_topic(self, environment: str):
        """There is one topic of events, so each of its events names it."""
        matched = [
            event
            for subscription in subscriptions(platform(environment))
            for event in matched_by(subscription.properties["FilterPolicy"])
        ]

        assert {event.topic for event in matched} == {TOPIC}

    def test_no_rule_matches_a_topic_event(self, environment: str):
        for rule in rules(platform(environment)):
            assert not any(event.topic for event in matched_by(rule.properties["EventPattern"]))

    def test_every_version_comes_through(self, environment: str):
        for subscription in subscriptions(platform(environment)):
            policy = subscription.properties["FilterPolicy"]
            for event in matched_by(policy):
                message = read(sample_of(event))
                message["metadata"]["schema_version"] = event.version + 1
                assert matches(policy, message)


def delivered(parsed: EventEnvelope[Any]) -> dict[str, Any]:
    """What EventBridge delivers of a published event, and of one that is a function's answer."""
    if parsed.data.via_destination:
        record = {"responsePayload": parsed.to_lambda_response()}
        return {
            "source": DESTINATION_SOURCE,
            "detail-type": DESTINATION_DETAIL_TYPE,
            "detail": record,
        }
    entry = parsed.to_put_events_entry("Orders")
    return {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


class TestTheTestsThemselves:
    """A rule that matches nothing and an event without a subscriber are found."""

    def test_rule_for_no_contract_matches_nothing(self):
        assert matched_by(live_pattern([OrderPlaced]) | {"detail-type": ["OrderPlacedd"]}) == []

    def test_event_without_a_subscriber_is_reported(self):
        assert without_subscriber([], [OrderPlaced]) == ["OrderPlaced"]

    def test_event_with_a_subscriber_and_a_reason_for_none_is_reported(self, monkeypatch: Any):
        monkeypatch.setattr(OrderRejected, "no_subscriber_reason", "nobody is there")

        assert without_subscriber([live_pattern([OrderRejected])], [OrderRejected]) == [
            "OrderRejected"
        ]

    @pytest.mark.parametrize(
        ("pattern", "event", "does"),
        [
            ({"a": ["x", "y"]}, {"a": "y"}, True),
            ({"a": ["x"]}, {"a": "y"}, False),
            ({"a": ["x"]}, {}, False),
            ({"a": {"b": [1]}}, {"a": {"b": 1}}, True),
            ({"a": {"b": [1]}}, {"a": 1}, False),
            ({"a": [{"exists": False}]}, {}, True),
            ({"a": [{"exists": False}]}, {"a": 1}, False),
            ({"a": [{"prefix": "x."}]}, {"a": "x.y"}, True),
            ({"a": [{"prefix": "x."}]}, {"a": "y.x."}, False),
        ],
    )
    def test_matching(self, pattern: Any, event: Any, does: bool):
        assert matches(pattern, event) is does
