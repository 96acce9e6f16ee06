"""Each record goes to who failed at it, as it came there, with its history where there is room."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.dlq.decode import RawMessage, decode
from ops.dlq.failure_sinks import Mechanism
from ops.dlq.plan import (
    MAX_HISTORY_LENGTH,
    Invoke,
    InvokeFromStream,
    InvokeWithBatch,
    NotRedrivableError,
    PublishTo,
    PutOn,
    Repair,
    SendTo,
    Start,
    WriteTo,
    plan_redrive,
)
from tests.unit.ops.dead_letter_samples import (
    BATCH,
    EVENT,
    ORDER,
    RECORD,
    dead_lettered_by,
    message,
    outcome,
    sink,
)


def planned(name: str, how: Mechanism, **changed: Any) -> Any:
    at = sink(name)
    parked = replace(dead_lettered_by(at.routes_by(how)[0], at), **changed)
    return plan_redrive(decode(parked, at), at)


def again(name: str, parked: RawMessage) -> Any:
    at = sink(name)
    return plan_redrive(decode(parked, at), at)


class TestEvents:
    def test_for_a_function_are_given_to_it_whole(self):
        action = planned("shipping/DispatchShipmentOnOrderPickedRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, Invoke)
        assert (action.target.name, action.payload) == ("shipping/DispatchShipment", EVENT)

    def test_for_a_state_machine_start_it_once_with_what_its_rule_gives(self):
        action = planned("orders/StartFulfilmentRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, Start)
        assert (action.input, action.name) == (EVENT["detail"], "redrive-m1")
        assert (
            len(planned("orders/StartFulfilmentRuleUndelivered", Mechanism.RULE, id="x" * 36).name)
            < 80
        )

    def test_for_a_stream_are_put_under_the_key_of_their_rule(self):
        action = planned("backbone/ToOrderStreamRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, PutOn)
        assert (action.data, action.key) == (EVENT, EVENT["detail"]["metadata"]["subject"])

    def test_for_a_log_or_a_topic_are_told_whole(self):
        log = planned("backbone/CatchAllUndelivered", Mechanism.RULE)
        topic = planned("orders/AlertOrderNeedsAttentionRuleUndelivered", Mechanism.RULE)

        assert isinstance(log, WriteTo)
        assert isinstance(topic, PublishTo)
        assert log.event == topic.event == EVENT

    def test_for_a_queue_are_sent_without_what_eventbridge_says_of_them(self):
        action = planned("warehouse/PickRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, SendTo)
        assert json.loads(action.body) == EVENT
        assert action.attributes == {"redriven": "1", "earlier": "NO_PERMISSIONS: it may not"}
        assert (action.group_id, action.deduplication_id) == ("", "")

    def test_that_a_function_failed_at_are_given_to_it_again(self):
        action = planned("shipping/DispatchShipmentDeadLetters", Mechanism.DESTINATION)

        assert isinstance(action, Invoke)
        assert action.payload == EVENT

    def test_that_a_function_parked_are_given_to_it_again(self):
        action = planned("orders/HoldOrderDeadLetters", Mechanism.CONSUMER)

        assert isinstance(action, Invoke)
        assert (action.target.name, action.payload) == ("orders/HoldOrder", EVENT)

    def test_without_what_their_rule_wants_stay(self):
        hollow = json.dumps({**EVENT, "detail": {}})

        with pytest.raises(NotRedrivableError, match=r"no \$\.detail\.metadata\.subject"):
            planned("backbone/ToOrderStreamRuleUndelivered", Mechanism.RULE, body=hollow)

    def test_of_which_only_the_beginning_is_there_stay(self):
        at = sink("orders/JobsRepublishStalledDeadLetters")
        parked = dead_lettered_by(at.routes_by(Mechanism.SCHEDULE)[0], at)
        cut = {**parked.attributes, "IS_PAYLOAD_TRUNCATED": "true"}

        with pytest.raises(NotRedrivableError, match="beginning"):
            again(at.name, replace(parked, attributes=cut))


class TestMessages:
    def test_go_back_in_their_group_under_a_new_id_for_deduplication(self):
        action = planned("purchasing/LowStockUndelivered", Mechanism.SUBSCRIPTION)

        assert isinstance(action, SendTo)
        assert action.target.name == "purchasing/LowStockQueue"
        assert (action.group_id, action.deduplication_id) == ("g", "redrive-m1")
        assert action.attributes == {"redriven": "1"}

    def test_go_back_without_what_sns_says_of_them(self):
        said = {"RequestID": "r", "ErrorCode": "AccessDenied", "ErrorMessage": "no", "kind": "low"}

        action = planned("purchasing/LowStockUndelivered", Mechanism.SUBSCRIPTION, attributes=said)

        history = {"redriven": "1", "earlier": "AccessDenied: no"}
        assert action.attributes == {"kind": "low", **history}

    def test_go_back_as_they_came_with_their_history(self):
        parked = message("x", {"reason": "third", "redriven": "2", "earlier": "a\nb", "own": "o"})

        action = again("purchasing/LowStockDeadLetters", replace(parked, group_id="g"))

        assert action.body == "x"
        assert action.attributes == {"own": "o", "redriven": "3", "earlier": "a\nb\nthird"}

    def test_have_room_for_so_much_history(self):
        parked = message("x", {"reason": "r" * 5_000, "earlier": "gone"})

        kept = again("purchasing/LowStockDeadLetters", parked).attributes["earlier"]

        assert kept == "r" * MAX_HISTORY_LENGTH


class TestRecords:
    def test_that_a_function_parked_are_given_to_it_with_their_history_inside(self):
        action = planned("storefront/SalesProjectionDeadLetters", Mechanism.CONSUMER)

        assert isinstance(action, InvokeWithBatch)
        history = {"times": 1, "earlier": ["it makes no sense"]}
        assert action.payload == {"Records": [{**RECORD, "redriven": history}]}

    def test_and_that_come_again_have_all_of_it(self):
        name = "storefront/SalesProjectionDeadLetters"
        (first,) = planned(name, Mechanism.CONSUMER).payload["Records"]

        (record,) = again(name, message({"reason": "second", "record": first})).payload["Records"]

        assert record["redriven"] == {"times": 2, "earlier": ["it makes no sense", "second"]}

    def test_of_which_there_is_a_pointer_are_read_again(self):
        action = planned("shipping/OutboxDeadLetters", Mechanism.STREAM_MAPPING)

        assert isinstance(action, InvokeFromStream)
        assert action.batch == BATCH
        assert action.filters == [{"eventName": ["INSERT", "MODIFY"]}]

    def test_in_a_bucket_are_given_to_the_function_as_the_batch_they_were(self):
        action = planned("storefront/ProjectionDeadLetters", Mechanism.STREAM_MAPPING)

        assert isinstance(action, InvokeWithBatch)
        assert action.payload == {"Records": [{"kinesis": {"sequenceNumber": "1"}}]}

    def test_to_which_nothing_points_stay(self):
        at = sink("shipping/OutboxDeadLetters")
        whole = json.loads(dead_lettered_by(at.routes_by(Mechanism.STREAM_MAPPING)[0], at).body)
        whole["DDBStreamBatchInfo"] = {}

        with pytest.raises(NotRedrivableError, match="which records"):
            again("shipping/OutboxDeadLetters", message(whole))


class TestSagas:
    def test_a_compensation_is_called_as_the_saga_called_it(self):
        action = planned("orders/Repair", Mechanism.SAGA)

        assert isinstance(action, Repair)
        assert (action.order, action.compensation) == (ORDER, "ReleaseStock")
        assert action.payload == {"order_id": ORDER}

    def test_an_outcome_is_looked_after(self):
        machine = sink("orders/Repair").routes[0].source

        action = again("orders/Repair", outcome(machine))

        assert (action.order, action.compensation, action.function) == (ORDER, "", "")


def test_what_nobody_can_decode_stays():
    with pytest.raises(NotRedrivableError, match="where it came from is unknown"):
        again("shipping/DispatchShipmentDeadLetters", message("poison"))


def test_an_action_is_said_in_words():
    said = {
        str(planned("shipping/DispatchShipmentDeadLetters", Mechanism.DESTINATION)),
        str(planned("shipping/OutboxDeadLetters", Mechanism.STREAM_MAPPING)),
        str(planned("orders/Repair", Mechanism.SAGA)),
    }

    assert said == {
        "invoke shipping/DispatchShipment",
        "invoke from stream shipping/RelayOutbox",
        "repair orders/FulfilmentMachine",
    }
