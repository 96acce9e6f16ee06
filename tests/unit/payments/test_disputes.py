"""A dispute reported by the card company is published as ours, or dead-lettered with its errors."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import event_id
from lambdas.contracts.payments import SOURCE, PaymentDisputed
from lambdas.payments.disputes import translate_dispute
from lambdas.runtime.dead_letters import DeadLetterQueue
from tests.support.aws_fakes import FakeEvents, FakeSqs

ORDER = "5d4c2c0e8e504ed05b1eeb3cf1f83764"


def event(**detail: Any) -> dict[str, Any]:
    """As EventBridge delivers it from the partner's bus; a field of None is left out."""
    good = {"dispute_id": "dp_1", "payment_key": ORDER, "reason": "fraudulent", "amount": 415}
    return {
        "version": "0",
        "id": "8a4c27d1-93f1-4c5e-8a39-0a6d3f6f5e11",
        "detail-type": "Dispute Opened",
        "source": "aws.partner/example.com/card-company/disputes",
        "account": "123456789012",
        "time": "2026-12-01T09:12:43Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {name: value for name, value in (good | detail).items() if value is not None},
    }


def test_dispute_is_translated_into_an_event_about_its_order():
    envelope = translate_dispute(event())

    assert envelope.data == PaymentDisputed(order_id=ORDER, dispute_id="dp_1", reason="fraudulent")
    assert (envelope.metadata.subject, envelope.metadata.sequence) == ("dispute/dp_1", 1)
    assert envelope.metadata.correlation_id == ORDER
    assert envelope.metadata.causation_id == event()["id"]
    assert envelope.metadata.occurred_at == "2026-12-01T09:12:43.000Z"


@pytest.mark.parametrize("kind", ["Dispute Closed", None])
def test_event_of_another_type_is_refused(kind: str | None):
    with pytest.raises(ContractError, match="detail-type is"):
        translate_dispute(event() | {"detail-type": kind})


def test_repeated_report_has_the_same_event_id():
    again = translate_dispute(event() | {"id": "another", "time": "2026-12-02T00:00:00Z"})

    assert again.metadata.event_id == translate_dispute(event()).metadata.event_id
    assert translate_dispute(event(dispute_id="dp_2")).metadata.event_id != again.metadata.event_id


def test_dispute_named_like_an_order_has_an_event_id_of_its_own():
    published = translate_dispute(event(dispute_id=ORDER))

    assert published.metadata.event_id != event_id(SOURCE, ORDER, 1)


TEXT = "must be 1 to 64 letters, digits or any of _.:-"


@pytest.mark.parametrize(
    ("detail", "problems"),
    [
        ({"dispute_id": None}, ["dispute_id is missing"]),
        ({"payment_key": 7}, ["payment_key must be a string, not int"]),
        ({"reason": ""}, [f"reason {TEXT}"]),
        ({"reason": "<script>"}, [f"reason {TEXT}"]),
        ({"reason": "fraudulent\n"}, [f"reason {TEXT}"]),
        ({"dispute_id": "d" * 65}, [f"dispute_id {TEXT}"]),
        (
            {"dispute_id": None, "payment_key": [], "reason": "no\N{NO-BREAK SPACE}"},
            ["dispute_id is missing", "payment_key must be a string, not list", f"reason {TEXT}"],
        ),
    ],
)
def test_every_bad_field_is_named(detail: dict[str, Any], problems: list[str]):
    with pytest.raises(ContractError) as bad:
        translate_dispute(event(**detail))

    assert bad.value.problems == problems


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "2300-01-01T00:00:00Z"])
def test_time_of_another_century_is_refused(time: str):
    """The company sets it. No consumer of our events would take it."""
    with pytest.raises(ContractError, match="time must be a time"):
        translate_dispute(event() | {"time": time})


class TestHandler:
    Handler = Callable[[dict[str, Any], object], dict[str, Any]]

    @pytest.fixture
    def sqs(self) -> FakeSqs:
        return FakeSqs()

    @pytest.fixture
    def take(
        self,
        load_offline_handler: Callable[..., Handler],
        sqs: FakeSqs,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[[FakeEvents], Handler]:
        def take(events: FakeEvents) -> Any:
            name = "lambdas.payments.ingest_dispute"
            handler = load_offline_handler(
                name, EVENT_BUS="Orders", DEAD_LETTER_QUEUE_URL="dead-letters"
            )
            dead_letters = DeadLetterQueue("dead-letters", sqs=sqs)
            monkeypatch.setattr(sys.modules[name], "dead_letters", dead_letters)
            monkeypatch.setattr(sys.modules[name].bus, "_eventbridge", events)
            return handler

        return take

    def test_dispute_is_published(self, take: Callable[[FakeEvents], Handler], sqs: FakeSqs):
        events = FakeEvents()

        answer = take(events)(event(), None)

        assert answer == {
            "order_id": ORDER,
            "event_id": translate_dispute(event()).metadata.event_id,
        }
        (entry,) = events.taken
        assert (entry["Source"], entry["DetailType"]) == (SOURCE, "PaymentDisputed")
        assert sqs.sent == []

    def test_invalid_report_is_dead_lettered_whole(
        self, take: Callable[[FakeEvents], Handler], sqs: FakeSqs
    ):
        events, bad = FakeEvents(), event(dispute_id=None, reason=7)

        assert "dispute_id is missing; reason must be" in take(events)(bad, None)["dead_lettered"]

        (message,) = sqs.sent
        assert message["QueueUrl"] == "dead-letters"
        assert json.loads(message["MessageBody"]) == {
            "reason": "not a DisputeOpened: "
            "dispute_id is missing; reason must be a string, not int",
            "event": bad,
        }
        assert events.taken == []

    def test_rejected_event_raises_so_that_lambda_retries(
        self, take: Callable[[FakeEvents], Handler]
    ):
        with pytest.raises(Exception, match=f"dispute dp_1 of order {ORDER}"):
            take(FakeEvents(refused={"dispute/dp_1"}))(event(), None)
