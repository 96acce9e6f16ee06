"""Event source mappings of SQS queues.

AWS: `emulator/delivery_rules/queue_batches.py` says what is received, invoked and deleted, and
where that is documented. The mapping receives and deletes with the function's role. If the queue
is encrypted with a customer's key, the role needs permissions for that key, too.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
MiniStack 1.5.33: a FIFO queue has one batch at a time; a batching window is ignored, and so is a
batch size above ten; if a partial batch failure is not valid, the batch is deleted.
Can go: when `_poll_sqs` and `_run_sqs_batch` in `services/lambda_svc.py` do this.
"""

import math
from functools import partial
from typing import Any

from ministack.services import lambda_svc, sqs

from emulator.delivery_rules.queue_batches import Batch, Message, QueueMapping, Settings, to_delete
from emulator.patches._mapping_poller import MappingPoller, matching_ids, register_poller
from emulator.patches._seams import seam

_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_MAX_MESSAGES = 10


def install() -> None:
    """Replace MiniStack's handling of mappings of queues."""
    seam(sqs, "_receive_messages_for_esm", "queue_url", "max_number")
    seam(sqs, "_delete_messages_for_esm", "queue_url", "receipt_handles")
    register_poller("sqs", _QueuePoller)


class _QueuePoller(MappingPoller):
    def __init__(self, mapping: dict[str, Any]) -> None:
        super().__init__(mapping)
        self._arn = mapping["EventSourceArn"]
        self._url = sqs._queue_url(self._arn.rpartition(":")[2])
        self._needs = [(action, self._arn) for action in _ACTIONS]
        self._state = QueueMapping(Settings())

    def work(self, now: float) -> float:
        queue = sqs._queue_by_arn(self._arn)
        if queue is None or not queue["messages"]:
            return math.inf
        function = self.function
        self._state.settings = Settings.of(
            self.mapping,
            fifo=queue["is_fifo"],
            reserved=lambda_svc._reserved_concurrency(function, function["config"]),
        )
        while True:
            if batch := self._state.due(now):
                event = {"Records": [message.body for message in batch]}
                self.invoke(event, partial(self._judge, batch))
            elif not self._state.receive_count():
                return self._state.next_due()
            elif not self._receive(now):
                shown = (m["visible_at"] for m in queue["messages"] if m["visible_at"] > now)
                return min(self._state.next_due(), min(shown, default=math.inf))

    def _receive(self, now: float) -> bool:
        if not self.may(self._needs, now):
            return False
        most = min(self._state.receive_count(), _MAX_MESSAGES)
        received = sqs._receive_messages_for_esm(self._url, most)
        records = [self._record(message) for message in received]
        passing = matching_ids(self.mapping, records)
        self._delete([record for record in records if id(record) not in passing])
        self._state.add_messages(
            [
                Message(
                    id=record["messageId"],
                    group=record["attributes"].get("MessageGroupId", ""),
                    body=record,
                )
                for record in records
                if id(record) in passing
            ],
            now,
        )
        return bool(received)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message in the form that the function receives.

        https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
        """
        attributes = {
            **message.get("sys", {}),
            "ApproximateReceiveCount": str(message["receive_count"]),
            "ApproximateFirstReceiveTimestamp": str(int(message["first_receive_at"] * 1000)),
        }
        for name, key in _FIFO_ATTRIBUTES.items():
            if message.get(key):
                attributes[name] = message[key]
        return {
            "messageId": message["id"],
            "receiptHandle": message["receipt_handle"],
            "body": message["body"],
            "attributes": attributes,
            "messageAttributes": lambda_svc._sqs_message_attributes_to_camel_case(
                message.get("message_attributes", {})
            ),
            "md5OfBody": message["md5_body"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": self._arn.split(":")[3],
        }

    def _judge(self, batch: Batch, result: dict[str, Any]) -> None:
        self._state.complete(batch)
        done = to_delete(
            batch,
            self._state.settings,
            answer=result.get("body"),
            failed=bool(result.get("error")),
        )
        self._delete([message.body for message in done])

    def _delete(self, records: list[dict[str, Any]]) -> None:
        sqs._delete_messages_for_esm(self._url, {record["receiptHandle"] for record in records})


_FIFO_ATTRIBUTES = {
    "MessageGroupId": "group_id",
    "MessageDeduplicationId": "dedup_id",
    "SequenceNumber": "seq",
}
