"""What an invocation did on an edited row, and whether that is all right."""

import builtins
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.codec import ContractError, UnreadableRowError
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE
from lambdas.contracts.parsing import parse_event
from lambdas.orders.api import BUSY
from simulation.functions import Outcome
from tests.contracts.catalog import EVENTS
from tests.support.edited_rows import Edit
from tests.support.lived_platform import ROUTE, Item, Key, LivedPlatform, Play
from tests.support.source_records import BATCHED, SCHEDULE, bus_event, wrapped

UNCLEAR = {
    *(name for name in dir(builtins) if name.endswith(("Error", "Exception"))),
    *("ClientError", "ParamValidationError", "TransactionCanceledException", "InvalidOperation"),
    "ConcurrentUpdateError",
}
"""Errors that do not say that a row was edited, or are tried again for ever."""
PURCHASE = "purchase_order_id"
PROGRESS = "JobsCheckpoints"
"""The table of what jobs note about themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an invocation answered, logged, sent and wrote."""

    outcome: Outcome
    lines: Sequence[str]
    sent: Sequence[tuple[str, str, Any]]
    tables: Any

    @property
    def errors(self) -> str:
        """Its lines of level ERROR."""
        return "\n".join(line for line in self.lines if json.loads(line).get("level") == "ERROR")

    @property
    def is_counted(self) -> bool:
        """Whether the metric for operators counts a row."""
        return any("RowsUnreadable" in json.loads(line) for line in self.lines)

    @property
    def events(self) -> list[Any]:
        """The events that it published, as they are delivered."""
        return list(self._events())

    def _events(self) -> Iterator[Any]:
        for _, _, request in self.sent:
            yield from map(bus_event, request.get("Entries", ()))
            for entry in request.get("PublishBatchRequestEntries", ()):
                yield json.loads(entry["Message"])
        answer = self.outcome.payload
        if isinstance(answer, dict) and "detail_type" in answer:
            yield {
                "source": DESTINATION_SOURCE,
                "detail-type": DESTINATION_DETAIL_TYPE,
                "detail": {"responsePayload": answer},
            }

    @property
    def dead_letters(self) -> list[str]:
        """The reasons of what it dead-lettered."""
        sent = [r for _, operation, r in self.sent if operation == "send_message"]
        return [
            each["MessageAttributes"]["reason"]["StringValue"]
            if "MessageAttributes" in each
            else json.loads(each["MessageBody"])["reason"]
            for each in sent
        ]


def effect(
    here: LivedPlatform,
    play: Play,
    contents: Sequence[Any],
    table: str = "",
    row: Item | None = None,
) -> Effect | None:
    """Repeat an invocation, on an edited row if there is one; None if DynamoDB refuses the row."""
    here.load(play.state)
    if row is not None and not here.edit(table, row):
        return None
    outcome = play.invoke(wrapped(play.kind, contents))
    return Effect(
        outcome=outcome, lines=list(here.lines), sent=list(here.sent), tables=here.tables.save()
    )


def problem(play: Play, key: Key, edit: Edit, found: Effect, usual: Effect) -> str:
    """Return what is wrong with the effect on an edited row; empty if nothing is.

    ``usual`` is the effect on the row as it was.
    """
    for event in found.events:
        try:
            parse_event(EVENTS, event)
        except ContractError as refusal:
            return f"publishes what its contract refuses: {refusal}"
    if play.kind == ROUTE:
        return _of_route(key, found, usual)
    if play.kind in BATCHED:
        return _of_batch(found)
    if play.kind == SCHEDULE:
        return _of_job(play, key, found, usual)
    error, text = found.outcome.error, found.outcome.message
    if error and not _is_clear(f"{error}: {text}"):
        return f"fails with {error}: {text}"
    if error == UnreadableRowError.__name__ and not (edit.path[0] in text and _names(text, key)):
        return f"does not name row and attribute: {text}"
    return ""


def _of_route(key: Key, found: Effect, usual: Effect) -> str:
    outcome = found.outcome
    if outcome.error:
        return f"answers nothing: {outcome.error}: {outcome.message}"
    status = outcome.payload["statusCode"]
    if status >= 500:
        if status != 503 or not found.is_counted:
            return f"answers {status} and does not count the row"
        return "" if _names(found.errors, key) else f"does not name the row: {found.errors}"
    before, after = usual.outcome.payload, outcome.payload
    if f":{BUSY.name}" in after.get("body", "") and before["statusCode"] < 400:
        return "refuses the customer as busy, for ever"
    if (before["statusCode"], status) != (200, 200) or before["body"][0] != "{":
        return ""
    shown = json.loads(after["body"])
    for name, entries in json.loads(before["body"]).items():
        if isinstance(entries, list):
            lost = [each for each in entries if each not in shown.get(name, ())]
            if len(lost) > 1:
                return f"leaves out {len(lost)} of {len(entries)} {name}"
    return ""


def _of_batch(found: Effect) -> str:
    """Of the batch, the first record is the one that the edit concerns."""
    outcome, reasons = found.outcome, found.dead_letters
    if outcome.error:
        return f"the whole batch fails: {outcome.error}: {outcome.message}"
    if outcome.payload["batchItemFailures"]:
        return f"records come again: {found.errors}"
    if len(reasons) > 1:
        return f"{len(reasons)} records are dead-lettered"
    return next((f"the reason is {each}" for each in reasons if not _is_clear(each)), "")


def _of_job(play: Play, key: Key, found: Effect, usual: Effect) -> str:
    """Other rows have to be as usual. Those of the same SKU, and alike orders, are no others."""
    error = f"{found.outcome.error}: {found.outcome.message}"
    if found.outcome.error and not _is_clear(error):
        return f"the job ends with {error}"
    names = [value for _, value in key[1]]
    # The key of purchasing's note of what was sent last has the SKU in it.
    names += [
        value.partition("/")[2] for name, value in key[1] if name == PURCHASE and "/" in value
    ]
    for by in play.state[0][key[0]].values():
        for row in by.values():
            if all(row[name] == {"S": value} for name, value in key[1]):
                linked = (row[name]["S"] for name in ("sku", "dedup_key") if name in row)
                names += [text.partition(" ")[0] for text in linked]

    def others(items: Sequence[Any]) -> list[Any]:
        return [each for each in items if not any(name in json.dumps(each) for name in names)]

    def rows(effect: Effect) -> list[Any]:
        every = [
            [name, row]
            for name, items in sorted(effect.tables.items())
            for by in items.values()
            for row in by.values()
            if PROGRESS not in name
        ]
        return sorted(map(json.dumps, others(every)))

    if rows(found) != rows(usual):
        return "other rows are not as usual"
    if others(found.events) != others(usual.events):
        return "other events are not as usual"
    said = found.outcome.error == "UnreadableError" or "_unreadable" in found.errors
    if said and not _names(error + found.errors, key):
        return f"does not name the row: {error}"
    return ""


def _is_clear(reason: str) -> bool:
    return 3 < len(reason) <= 2_000 and reason.partition(":")[0] not in UNCLEAR


def _names(text: str, key: Key) -> bool:
    return any(value in text for _, value in key[1])
