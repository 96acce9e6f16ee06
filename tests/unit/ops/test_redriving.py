"""Each record goes to who failed at it, as it came there, with its history where there is room."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.places import How
from ops.records import Message, decode
from ops.redriving import (
    HISTORY_LETTERS,
    Call,
    CallFromStream,
    CallWithBatch,
    CannotBeMovedError,
    LogIn,
    PublishOn,
    PutOn,
    Repair,
    SendTo,
    Start,
    plan,
)
from tests.unit.ops.parking import (
    BATCH,
    EVENT,
    ORDER,
    RECORD,
    message,
    outcome,
    parked_by,
    place,
)


def planned(name: str, how: How, **changed: Any) -> Any:
    at = place(name)
    parked = replace(parked_by(at.fed(how)[0], at), **changed)
    return plan(decode(parked, at), at)


def again(name: str, parked: Message) -> Any:
    at = place(name)
    return plan(decode(parked, at), at)


class TestEvents:
    def test_for_a_function_are_given_to_it_whole(self):
        action = planned("shipping/OnPickedOnRuleUndelivered", How.RULE)

        assert isinstance(action, Call)
        assert (action.to.name, action.payload) == ("shipping/DispatchShipment", EVENT)

    def test_for_a_state_machine_start_it_once_with_what_its_rule_gives(self):
        action = planned("orders/StartFulfilmentRuleUndelivered", How.RULE)

        assert isinstance(action, Start)
        assert (action.input, action.name) == (EVENT["detail"], "redrive-m1")
        assert (
            len(planned("orders/StartFulfilmentRuleUndelivered", How.RULE, id="x" * 36).name) < 80
        )

    def test_for_a_stream_are_put_under_the_key_of_their_rule(self):
        action = planned("backbone/ToOrderStreamRuleUndelivered", How.RULE)

        assert isinstance(action, PutOn)
        assert (action.data, action.key) == (EVENT, EVENT["detail"]["metadata"]["subject"])

    def test_for_a_log_or_a_topic_are_told_whole(self):
        log = planned("backbone/CatchAllUndelivered", How.RULE)
        topic = planned("orders/AlertOrderNeedsAttentionRuleUndelivered", How.RULE)

        assert isinstance(log, LogIn)
        assert isinstance(topic, PublishOn)
        assert log.event == topic.event == EVENT

    def test_for_a_queue_are_sent_without_what_eventbridge_says_of_them(self):
        action = planned("warehouse/PickRuleUndelivered", How.RULE)

        assert isinstance(action, SendTo)
        assert json.loads(action.body) == EVENT
        assert action.attributes == {"redriven": "1", "earlier": "NO_PERMISSIONS: it may not"}
        assert (action.group, action.deduplication) == ("", "")

    def test_that_a_function_failed_at_are_given_to_it_again(self):
        action = planned("shipping/OnPickedDeadLetters", How.DESTINATION)

        assert isinstance(action, Call)
        assert action.payload == EVENT

    def test_that_a_function_parked_are_given_to_it_again(self):
        action = planned("orders/OnDisputeDeadLetters", How.ITSELF)

        assert isinstance(action, Call)
        assert (action.to.name, action.payload) == ("orders/HoldOrder", EVENT)

    def test_without_what_their_rule_wants_stay(self):
        hollow = json.dumps({**EVENT, "detail": {}})

        with pytest.raises(CannotBeMovedError, match=r"no \$\.detail\.metadata\.subject"):
            planned("backbone/ToOrderStreamRuleUndelivered", How.RULE, body=hollow)

    def test_of_which_only_the_beginning_is_there_stay(self):
        at = place("orders/JobsRepublishStalledScheduleDeadLetters")
        parked = parked_by(at.fed(How.SCHEDULE)[0], at)
        cut = {**parked.attributes, "IS_PAYLOAD_TRUNCATED": "true"}

        with pytest.raises(CannotBeMovedError, match="beginning"):
            again(at.name, replace(parked, attributes=cut))


class TestMessages:
    def test_go_back_in_their_group_under_a_new_id_for_deduplication(self):
        action = planned("purchasing/LowStockUndelivered", How.SUBSCRIPTION)

        assert isinstance(action, SendTo)
        assert action.to.name == "purchasing/LowStockQueue"
        assert (action.group, action.deduplication) == ("g", "redrive-m1")
        assert action.attributes == {"redriven": "1"}

    def test_go_back_without_what_sns_says_of_them(self):
        said = {"RequestID": "r", "ErrorCode": "AccessDenied", "ErrorMessage": "no", "kind": "low"}

        action = planned("purchasing/LowStockUndelivered", How.SUBSCRIPTION, attributes=said)

        history = {"redriven": "1", "earlier": "AccessDenied: no"}
        assert action.attributes == {"kind": "low", **history}

    def test_go_back_as_they_came_with_their_history(self):
        parked = message("x", {"reason": "third", "redriven": "2", "earlier": "a\nb", "own": "o"})

        action = again("purchasing/LowStockDeadLetters", replace(parked, group="g"))

        assert action.body == "x"
        assert action.attributes == {"own": "o", "redriven": "3", "earlier": "a\nb\nthird"}

    def test_have_room_for_so_much_history(self):
        parked = message("x", {"reason": "r" * 5_000, "earlier": "gone"})

        kept = again("purchasing/LowStockDeadLetters", parked).attributes["earlier"]

        assert kept == "r" * HISTORY_LETTERS


class TestRecords:
    def test_that_a_function_parked_are_given_to_it_with_their_history_inside(self):
        action = planned("storefront/SalesProjectionDeadLetters", How.ITSELF)

        assert isinstance(action, CallWithBatch)
        history = {"times": 1, "earlier": ["it makes no sense"]}
        assert action.payload == {"Records": [{**RECORD, "redriven": history}]}

    def test_and_that_come_again_have_all_of_it(self):
        body = {"reason": "second", "record": planned(
            "storefront/SalesProjectionDeadLetters", How.ITSELF).payload["Records"][0]}  # fmt: skip

        (record,) = again("storefront/SalesProjectionDeadLetters", message(body)).payload["Records"]

        assert record["redriven"] == {"times": 2, "earlier": ["it makes no sense", "second"]}

    def test_of_which_there_is_a_pointer_are_read_again(self):
        action = planned("shipping/OutboxDeadLetters", How.MAPPING)

        assert isinstance(action, CallFromStream)
        assert action.batch == BATCH
        assert action.filters == [{"eventName": ["INSERT", "MODIFY"]}]

    def test_in_a_bucket_are_given_to_the_function_as_the_batch_they_were(self):
        action = planned("storefront/GivenUp", How.MAPPING)

        assert isinstance(action, CallWithBatch)
        assert action.payload == {"Records": [{"kinesis": {"sequenceNumber": "1"}}]}

    def test_to_which_nothing_points_stay(self):
        at = place("shipping/OutboxDeadLetters")
        whole = json.loads(parked_by(at.fed(How.MAPPING)[0], at).body)
        whole["DDBStreamBatchInfo"] = {}

        with pytest.raises(CannotBeMovedError, match="which records"):
            again("shipping/OutboxDeadLetters", message(whole))


class TestSagas:
    def test_a_compensation_is_called_as_the_saga_called_it(self):
        action = planned("orders/Repair", How.SAGA)

        assert isinstance(action, Repair)
        assert (action.order, action.compensation) == (ORDER, "ReleaseStock")
        assert action.payload == {"order_id": ORDER}

    def test_an_outcome_is_looked_after(self):
        machine = place("orders/Repair").feeds[0].source

        action = again("orders/Repair", outcome(machine))

        assert (action.order, action.compensation, action.function) == (ORDER, "", "")


def test_what_nobody_can_decode_stays():
    with pytest.raises(CannotBeMovedError, match="nobody can tell"):
        again("shipping/OnPickedDeadLetters", message("poison"))


def test_an_action_is_said_in_words():
    said = {
        str(planned("shipping/OnPickedDeadLetters", How.DESTINATION)),
        str(planned("shipping/OutboxDeadLetters", How.MAPPING)),
        str(planned("orders/Repair", How.SAGA)),
    }

    assert said == {
        "call shipping/DispatchShipment",
        "call from stream shipping/RelayOutbox",
        "repair orders/FulfilmentMachine",
    }
