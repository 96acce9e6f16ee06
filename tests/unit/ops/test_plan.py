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
    PublishTo,
    PutOn,
    Repair,
    SendTo,
    Start,
    WriteTo,
    plan_redrive,
)
from ops.dlq.target_input import NotRedrivableError
from tests.unit.ops.dead_letter_samples import (
    ALERT,
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
    raw = replace(dead_lettered_by(at.routes_by(how)[0], at), **changed)
    return plan_redrive(decode(raw, at), at)


def again(name: str, raw: RawMessage) -> Any:
    at = sink(name)
    return plan_redrive(decode(raw, at), at)


class TestEvents:
    def test_event_for_a_function_is_sent_whole(self):
        action = planned("shipping/DispatchShipmentOnOrderPickedRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, Invoke)
        assert (action.target.name, action.payload) == ("shipping/DispatchShipment", EVENT)

    def test_event_for_a_state_machine_starts_it_once_with_the_rules_input(self):
        action = planned("orders/StartFulfilmentRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, Start)
        assert (action.input, action.name) == (EVENT["detail"], "redrive-m1")
        assert (
            len(planned("orders/StartFulfilmentRuleUndelivered", Mechanism.RULE, id="x" * 36).name)
            < 80
        )

    def test_event_for_a_stream_gets_the_rules_partition_key(self):
        action = planned("backbone/ToOrderStreamRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, PutOn)
        assert (action.data, action.key) == (EVENT, EVENT["detail"]["metadata"]["subject"])

    def test_event_for_a_log_is_sent_whole(self):
        action = planned("backbone/CatchAllUndelivered", Mechanism.RULE)

        assert isinstance(action, WriteTo)
        assert action.event == EVENT

    def test_event_for_operators_is_made_into_what_their_rule_makes_of_it(self):
        action = planned("orders/AlertOrderNeedsAttentionRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, PublishTo)
        assert action.event == ALERT

    def test_event_for_a_queue_is_sent_without_eventbridges_attributes(self):
        action = planned("warehouse/PickRuleUndelivered", Mechanism.RULE)

        assert isinstance(action, SendTo)
        assert json.loads(action.body) == EVENT
        assert action.attributes == {"redriven": "1", "earlier": "NO_PERMISSIONS: it may not"}
        assert (action.group_id, action.deduplication_id) == ("", "")

    def test_event_that_a_function_failed_on_is_sent_to_it_again(self):
        action = planned("shipping/DispatchShipmentDeadLetters", Mechanism.DESTINATION)

        assert isinstance(action, Invoke)
        assert action.payload == EVENT

    def test_event_that_a_function_dead_lettered_is_sent_to_it_again(self):
        action = planned("orders/HoldOrderDeadLetters", Mechanism.CONSUMER)

        assert isinstance(action, Invoke)
        assert (action.target.name, action.payload) == ("orders/HoldOrder", EVENT)

    def test_event_without_the_rules_fields_is_not_redrivable(self):
        hollow = json.dumps({**EVENT, "detail": {}})

        with pytest.raises(NotRedrivableError, match=r"no \$\.detail\.metadata\.subject"):
            planned("backbone/ToOrderStreamRuleUndelivered", Mechanism.RULE, body=hollow)

    def test_truncated_event_is_not_redrivable(self):
        at = sink("orders/JobsRepublishStalledDeadLetters")
        raw = dead_lettered_by(at.routes_by(Mechanism.SCHEDULE)[0], at)
        cut = {**raw.attributes, "IS_PAYLOAD_TRUNCATED": "true"}

        with pytest.raises(NotRedrivableError, match="beginning"):
            again(at.name, replace(raw, attributes=cut))


class TestMessages:
    def test_fifo_message_keeps_its_group_and_gets_a_new_deduplication_id(self):
        action = planned("storefront/AvailabilitySubscriberUndelivered", Mechanism.SUBSCRIPTION)

        assert isinstance(action, SendTo)
        assert action.target.name == "storefront/AvailabilitySubscriberQueue"
        assert (action.group_id, action.deduplication_id) == ("g", "redrive-m1")
        assert action.attributes == {"redriven": "1"}

    def test_message_is_sent_without_snss_attributes(self):
        said = {"RequestID": "r", "ErrorCode": "AccessDenied", "ErrorMessage": "no", "kind": "low"}

        action = planned(
            "storefront/AvailabilitySubscriberUndelivered", Mechanism.SUBSCRIPTION, attributes=said
        )

        history = {"redriven": "1", "earlier": "AccessDenied: no"}
        assert action.attributes == {"kind": "low", **history}

    def test_record_that_sns_could_not_deliver_is_sent_to_its_queue(self):
        """It looks like one that Lambda sent to this queue itself."""
        name = "notifications/IssueInvoiceFailureRecordsUndelivered"
        context = {"requestId": "r", "functionArn": "arn:aws:lambda:eu-west-1:1:function:f"}
        body = json.dumps({"requestContext": context, "requestPayload": EVENT})

        action = planned(name, Mechanism.SUBSCRIPTION, body=body)

        assert isinstance(action, SendTo)
        assert action.target.name == "notifications/IssueInvoiceFailureRecords"
        assert (action.body, action.group_id) == (body, "")

    @pytest.mark.parametrize("whole", [True, False])
    def test_record_that_sns_could_not_give_to_a_function_is_given_as_sns_does(self, whole: bool):
        """AWS does not say whether a dead letter has the notification around the message."""
        record = json.dumps({"requestPayload": EVENT})
        notification = {"Type": "Notification", "Message": record}
        body = json.dumps(notification) if whole else record

        action = planned(
            "notifications/FailedInvoicesUndelivered", Mechanism.SUBSCRIPTION, body=body
        )

        assert isinstance(action, Invoke)
        assert action.target.name == "notifications/NotifyCustomer"
        (given,) = action.payload["Records"]
        assert given["EventSource"] == "aws:sns"
        assert given["Sns"]["Message"] == record

    def test_message_is_sent_unchanged_with_its_history(self):
        raw = message("x", {"reason": "third", "redriven": "2", "earlier": "a\nb", "own": "o"})

        action = again("storefront/AvailabilitySubscriberDeadLetters", replace(raw, group_id="g"))

        assert action.body == "x"
        assert action.attributes == {"own": "o", "redriven": "3", "earlier": "a\nb\nthird"}

    def test_history_of_a_message_is_limited(self):
        raw = message("x", {"reason": "r" * 5_000, "earlier": "gone"})

        kept = again("storefront/AvailabilitySubscriberDeadLetters", raw).attributes["earlier"]

        assert kept == "r" * MAX_HISTORY_LENGTH


class TestRecords:
    def test_stream_record_carries_its_history(self):
        action = planned("storefront/SalesProjectionDeadLetters", Mechanism.CONSUMER)

        assert isinstance(action, InvokeWithBatch)
        history = {"times": 1, "earlier": ["it makes no sense"]}
        assert action.payload == {"Records": [{**RECORD, "redriven": history}]}

    def test_stream_record_keeps_its_earlier_history(self):
        name = "storefront/SalesProjectionDeadLetters"
        (first,) = planned(name, Mechanism.CONSUMER).payload["Records"]

        (record,) = again(name, message({"reason": "second", "record": first})).payload["Records"]

        assert record["redriven"] == {"times": 2, "earlier": ["it makes no sense", "second"]}

    def test_batch_with_a_pointer_is_read_from_the_stream(self):
        action = planned("shipping/OutboxDeadLetters", Mechanism.STREAM_MAPPING)

        assert isinstance(action, InvokeFromStream)
        assert action.batch == BATCH
        assert action.filters == [{"eventName": ["INSERT", "MODIFY"]}]

    def test_batch_in_a_bucket_is_sent_as_it_was(self):
        action = planned("storefront/ProjectionDeadLetters", Mechanism.STREAM_MAPPING)

        assert isinstance(action, InvokeWithBatch)
        assert action.payload == {"Records": [{"kinesis": {"sequenceNumber": "1"}}]}

    def test_batch_without_a_pointer_is_not_redrivable(self):
        at = sink("shipping/OutboxDeadLetters")
        whole = json.loads(dead_lettered_by(at.routes_by(Mechanism.STREAM_MAPPING)[0], at).body)
        whole["DDBStreamBatchInfo"] = {}

        with pytest.raises(NotRedrivableError, match="no complete pointer"):
            again("shipping/OutboxDeadLetters", message(whole))


class TestSagas:
    def test_compensation_is_called_with_the_sagas_payload(self):
        action = planned("orders/Repair", Mechanism.SAGA)

        assert isinstance(action, Repair)
        assert (action.order, action.compensation) == (ORDER, "ReleaseStock")
        assert action.payload == {"order_id": ORDER}

    def test_unwritten_outcome_is_a_repair_without_compensation(self):
        machine = sink("orders/Repair").routes[0].source

        action = again("orders/Repair", outcome(machine))

        assert (action.order, action.compensation, action.function) == (ORDER, "", "")


def test_unknown_message_is_not_redrivable():
    with pytest.raises(NotRedrivableError, match="where it came from is unknown"):
        again("shipping/DispatchShipmentDeadLetters", message("poison"))


def test_message_of_a_kind_that_nothing_sends_there_is_unknown_too():
    with pytest.raises(NotRedrivableError, match="where it came from is unknown"):
        again("orders/Repair", message("poison", {"reason": "moved here by hand"}))


def test_action_is_described_in_words():
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
