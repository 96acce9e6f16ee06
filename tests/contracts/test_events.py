"""Each event has one meaning for ever, one source and a subscriber."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError, encode, field_types
from lambdas.contracts.commands import Refusal
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE, Event, Metadata
from lambdas.contracts.inventory import (
    STOCK_EVENTS,
    TOPIC,
    StockBelowMinimum,
    StockChanged,
    StockSoldOut,
)
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderPlaced,
    OrderRejected,
)
from lambdas.contracts.parsing import parse_detail, parse_event, parse_event_if_known
from lambdas.contracts.patterns import live_pattern
from stacks.backbone.stack import SERVICE_SOURCE_PREFIX
from stacks.environments import ENVIRONMENTS
from tests.contracts.catalog import EVENTS, SAMPLES, TUTORIAL, detail_of, matches, read, sample_of
from tests.templates.checks.common import is_catch_all
from tests.templates.kinds import ARCHIVE, RULE, SUBSCRIPTION
from tests.templates.synthesis import Platform, Resource, platform
from tools.contract_modules import declared, services

MAX_CAUSE_LENGTH = 32_768
"""So many letters of an error does Step Functions keep, and cuts off the rest.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html
"""

by_name = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
everywhere = pytest.mark.parametrize("environment", ENVIRONMENTS)


versions = pytest.mark.parametrize(
    ("event", "version"), [(event, version) for event in EVENTS for version in event.reads()]
)


def without_later_fields(written: Any, sample: Any) -> Any:
    """What is written, without the optional fields that are newer than its sample.

    They have their default, because the sample was read without them.
    """
    if isinstance(written, dict) and isinstance(sample, dict):
        return {
            name: without_later_fields(value, sample.get(name))
            for name, value in written.items()
            if name in sample
        }
    if isinstance(written, list) and isinstance(sample, list) and len(written) == len(sample):
        return [without_later_fields(*each) for each in zip(written, sample, strict=True)]
    return written


class TestSamples:
    """A sample is never edited: a new meaning is a new version, with a sample of its own.

    A sample may lack optional fields that its version got later.
    """

    def test_samples_are_one_for_each_version(self):
        wanted = {sample_of(event, version) for event in EVENTS for version in event.reads()}

        assert set(SAMPLES.iterdir()) == wanted

    @versions
    def test_every_version_is_read_whole(self, event: type[Event], version: int):
        detail = detail_of(event, version)

        parsed = parse_detail(event, detail)

        assert type(parsed.data) is event
        assert encode(parsed.metadata) == detail["metadata"]
        kept = set(detail["data"]) & set(field_types(event))
        data = json.loads(json.dumps(encode(parsed.data)))
        assert {name: data[name] for name in kept} == {name: detail["data"][name] for name in kept}

    @by_name
    def test_version_that_is_published_is_read_and_written_the_same(self, event: type[Event]):
        delivered = read(sample_of(event))
        parsed = parse_detail(event, detail_of(event))
        if event.topic:
            assert without_later_fields(json.loads(parsed.to_sns_message()), delivered) == delivered
            return
        if event.via_destination:
            response = delivered["detail"]["responsePayload"]
            assert without_later_fields(parsed.to_lambda_response(), response) == response
            return

        entry = parsed.to_put_events_entry("Orders")

        detail = delivered["detail"]
        assert without_later_fields(json.loads(entry["Detail"]), detail) == detail
        assert entry["Source"] == delivered["source"]
        assert entry["DetailType"] == delivered["detail-type"]
        assert entry["EventBusName"] == "Orders"
        assert entry["Time"].strftime("%Y-%m-%dT%H:%M:%SZ") == delivered["time"]

    @by_name
    def test_republished_event_keeps_its_id(self, event: type[Event]):
        parsed = parse_detail(event, detail_of(event))
        first = parsed.metadata

        again = envelope(
            parsed.data,
            subject=first.subject,
            sequence=first.sequence,
            correlation_id=first.correlation_id,
            causation_id=first.causation_id,
            occurred_at=first.occurred_at,
        )

        assert again == parsed


class TestSources:
    def test_each_service_has_its_own_source(self):
        sources = [module.SOURCE for module in services().values()]

        assert len(set(sources)) == len(sources) >= 4

    def test_source_has_its_services_name(self):
        for name, module in services().items():
            assert f"{SERVICE_SOURCE_PREFIX}{name}" == module.SOURCE

    def test_event_has_the_source_of_its_service(self):
        for module in services().values():
            assert {event.source for event in module.EVENTS} <= {module.SOURCE}

    def test_every_event_is_listed(self):
        for module in services().values():
            assert set(declared(module, Event)) == set(module.EVENTS), module.__name__

    def test_source_and_type_identify_an_event(self):
        identities = [(event.source, event.detail_type) for event in EVENTS]

        assert len(set(identities)) == len(identities)

    def test_event_id_differs_by_subject_and_sequence(self):
        def id_of(subject: str, sequence: int, event: Event) -> str:
            first = envelope(
                event,
                subject=subject,
                sequence=sequence,
                correlation_id="c",
                causation_id="c",
                occurred_at="2026-12-01T00:00:00Z",
            )
            return first.metadata.event_id

        placed = parse_detail(OrderPlaced, detail_of(OrderPlaced)).data
        ids = {id_of(s, n, placed) for s in ("1", "11") for n in (1, 2, 11)}

        assert len(ids) == 6


def rules(of: Platform) -> Iterator[Resource]:
    """The live rules that listen to an event of ours; the catch-all listens to everything.

    Events of AWS's services are on the default bus, which is meant when a rule names none, and a
    partner's on a bus of its own.
    """
    return (
        rule
        for rule in of.all(RULE)
        if "EventBusName" in rule.properties
        and rule.stack != of.environment.stack_name("Disputes")
        and not is_catch_all(rule, of)
        and not is_replay_rule(rule)
    )


def is_replay_rule(rule: Resource) -> bool:
    """Whether it is the rule for rebuilding views, which matches no live event."""
    return bool(rule.properties["EventPattern"].get("replay-name") == [{"exists": True}])


def subscriptions(of: Platform) -> Iterator[Resource]:
    """The subscriptions to events on a topic."""
    return of.all(SUBSCRIPTION)


def matched_by(pattern: Any, events: Iterable[type[Event]] = EVENTS) -> list[type[Event]]:
    """The events that match a rule's pattern, or a subscription's filter policy."""
    return [event for event in events if matches(pattern, read(sample_of(event)))]


def patterns_of(of: Platform) -> list[Any]:
    """The patterns and filter policies of all subscribers."""
    return [
        *(rule.properties["EventPattern"] for rule in rules(of)),
        *(subscription.properties["FilterPolicy"] for subscription in subscriptions(of)),
    ]


def without_subscriber(patterns: list[Any], events: Iterable[type[Event]] = EVENTS) -> list[str]:
    """The events that have neither a subscriber nor a reason for none, or that have both."""
    matched = {event for pattern in patterns for event in matched_by(pattern, events)}
    return [
        event.__name__ for event in events if (event in matched) == bool(event.no_subscriber_reason)
    ]


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
            "Notify": {OrderConfirmed, OrderRejected, OrderCancelled, OrderDispatched},
        }.items():
            (matched,) = (found.pop(id) for id in list(found) if id.startswith(start))
            assert set(matched) == events

        assert found != {}
        assert {id: events for id, events in found.items() if len(events) != 1} == {}

    def test_every_event_has_a_subscriber_or_a_reason(self, environment: str):
        assert without_subscriber(patterns_of(platform(environment))) == []

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

    @pytest.mark.parametrize(
        ("subscriber", "events"),
        [
            ("LowStock", {StockBelowMinimum, StockSoldOut}),
            ("AvailabilitySubscriber", set(STOCK_EVENTS)),
            ("StockChanges", set(STOCK_EVENTS)),
        ],
    )
    def test_filter_policy_matches_the_requested_events(
        self, environment: str, subscriber: str, events: set[type[Event]]
    ):
        subscription = platform(environment).one(SUBSCRIPTION, subscriber)

        assert set(matched_by(subscription.properties["FilterPolicy"])) == events

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


class TestMessages:
    def test_message_is_parsed_by_the_contract_it_names(self):
        for event in STOCK_EVENTS:
            parsed = parse_event(STOCK_EVENTS, sample_of(event).read_text())

            assert type(parsed.data) is event

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ("not JSON", "it is not JSON"),
            ("[" * 100_000, "it is not JSON"),
            ("[]", "it has no source and detail-type"),
            ('{"source": "com.aws.orders", "detail_type": "StockSoldOut"}', "of com.aws.orders"),
            ('{"source": ["x"], "detail_type": {}}', "it has no source and detail-type"),
        ],
    )
    def test_malformed_message_is_rejected_with_its_problem(self, body: str, problem: str):
        with pytest.raises(ContractError, match=problem):
            parse_event([StockSoldOut], body)

    def test_known_event_without_this_consumer_is_refused(self):
        with pytest.raises(ContractError, match=r"StockChanged of com\.aws\.inventory is none of"):
            parse_event([StockSoldOut], sample_of(StockChanged).read_text())

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"available": -1}, "available must be at least 0, not -1"),
            ({"reserved": -2}, "reserved must be at least 0, not -2"),
            ({"minimum": -3}, "minimum must be at least 0, not -3"),
            ({"sku": ""}, "sku must have 1 to 64 characters, not 0"),
            ({"sku": "71053"}, "sku is 71053, and the event is about 85123A"),
        ],
    )
    def test_impossible_stock_is_refused(self, changed: dict[str, Any], problem: str):
        message = read(sample_of(StockChanged))
        message["data"] |= changed

        with pytest.raises(ContractError, match=problem):
            parse_event(STOCK_EVENTS, json.dumps(message))


class TestOrderStream:
    """What a reader of the order stream makes of what is on it."""

    about_orders = pytest.mark.parametrize(
        "event", ORDER_STREAM_EVENTS, ids=lambda event: event.__name__
    )

    @about_orders
    def test_stream_event_is_parsed_and_its_subject_is_the_order(self, event: type[Event]):
        parsed = parse_event_if_known(ORDER_STREAM_EVENTS, sample_of(event).read_bytes())

        assert parsed is not None
        assert type(parsed.data) is event

    def test_event_without_subscription_is_ignored(self):
        assert parse_event_if_known([OrderRejected], sample_of(OrderPlaced).read_bytes()) is None
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(TUTORIAL).encode()) is None

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"\xff\x00", "not a delivered event: it is not JSON"),
            (b"[" * 100_000, "it is not JSON"),
            (b"[]", "it has no source and detail-type"),
            (b'{"source": "com.aws.orders"}', "it has no source and detail-type"),
            (b'{"source": [], "detail-type": {}}', "it has no source and detail-type"),
        ],
    )
    def test_malformed_event_is_rejected(self, body: bytes, problem: str):
        with pytest.raises(ContractError, match=problem):
            parse_event_if_known(ORDER_STREAM_EVENTS, body)

    @pytest.mark.parametrize(
        ("part", "changed", "problem"),
        [
            ("metadata", {"subject": "another"}, "and the event is about another"),
            (
                "metadata",
                {"occurred_at": "yesterday"},
                "must be a time with its offset from UTC, .*'yesterday'",
            ),
            ("metadata", {"occurred_at": "2026-12-01T08:26:00"}, "must be a time with its offset"),
            ("metadata", {"schema_version": 2}, "schema_version is 2, this code reads 1"),
            ("data", {"total": None}, "total must be an object, not null"),
        ],
    )
    def test_event_that_violates_its_contract_is_rejected(
        self, part: str, changed: dict[str, Any], problem: str
    ):
        event = read(sample_of(OrderPlaced))
        event["detail"][part] |= changed

        with pytest.raises(ContractError, match=problem):
            parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode())


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


class TestDestinationEvents:
    """A function's result, which a Lambda destination publishes in its own envelope."""

    def test_event_is_parsed_from_the_response_payload(self):
        matched = parse_event_if_known(
            ORDER_STREAM_EVENTS, sample_of(CustomerNotified).read_bytes()
        )

        assert matched == parse_detail(CustomerNotified, detail_of(CustomerNotified))

    @pytest.mark.parametrize("payload", [None, "done", {"state": "SENT"}])
    def test_result_of_another_function_is_rejected(self, payload: Any):
        event = read(sample_of(CustomerNotified))
        event["detail"]["responsePayload"] = payload
        pattern = live_pattern([CustomerNotified])

        assert not matches(pattern, event)
        with pytest.raises(ContractError, match="no source and detail-type"):
            parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode())

    def test_failed_invocation_is_ignored(self):
        event = read(sample_of(CustomerNotified))
        event["detail-type"] = "Lambda Function Invocation Result - Failure"

        assert not matches(live_pattern([CustomerNotified]), event)
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode()) is None

    def test_event_put_on_the_bus_directly_is_ignored(self):
        answer = detail_of(CustomerNotified)
        event = {"source": answer["source"], "detail-type": answer["detail_type"], "detail": answer}

        assert not matches(live_pattern([CustomerNotified]), event)
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode()) is None

    def test_result_with_an_event_of_the_bus_is_ignored(self):
        event = read(sample_of(CustomerNotified))
        event["detail"]["responsePayload"] = parse_detail(
            OrderPlaced, detail_of(OrderPlaced)
        ).to_lambda_response()

        assert not matches(live_pattern([OrderPlaced]), event)
        assert parse_event_if_known(ORDER_STREAM_EVENTS, json.dumps(event).encode()) is None


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


def test_metadata_is_the_whole_envelope():
    fields = {
        "event_id",
        "subject",
        "sequence",
        "correlation_id",
        "causation_id",
        "occurred_at",
        "schema_version",
    }

    assert set(Metadata.__dataclass_fields__) == fields


def test_refusal_fits_into_the_cause_that_a_saga_reads():
    """Lambda reports it as JSON, where a character may take twelve."""
    error = json.dumps({"errorMessage": str(Refusal("\N{GRINNING FACE}" * 100_000))})

    assert len(error) < MAX_CAUSE_LENGTH / 2
    assert error.endswith('\\u2026"}')
    assert str(Refusal("too few available of 85123A")) == "too few available of 85123A"
