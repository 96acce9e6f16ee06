"""An operator puts right what faults have left, with the operator's command."""

import json
import re
from collections import defaultdict
from typing import Any

from demo.database import count
from demo.duplicates import Duplicates
from demo.invariants import Violation
from demo.ops_command import run_ops
from demo.readers import scan
from demo.run import Run
from demo.screen import Note
from demo.waiting import wait_until_none
from emulator.cloud import CloudError, RootSession
from emulator.faults import control
from ops.deployed import Deployed
from ops.dlq.decode import DeadLetter
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.peek import peek_all

STALL_SECONDS = 240.0
"""For how long there may be no progress. A message of a queue is hidden for up to 90 s."""
OPEN = "orders WHERE state NOT IN ('DISPATCHED', 'REJECTED', 'CANCELLED')"
UNKNOWN = re.compile(r"the mail \w+ is SENDING, not SENT|was mailed, and has no record")
"""What the checks say of a mail that may have been sent or not."""
_UNKNOWN_MAIL = re.compile(r"e-mail \w+ of order (\S+) began at \S+ and its outcome is unknown")


class Recovery:
    """Redrives, repairs, resumes and decides until no work is left."""

    def __init__(self, run: Run, duplicates: Duplicates) -> None:
        self._run, self._duplicates = run, duplicates
        self._client = run.cloud.client
        templates = Deployed(session=RootSession(run.cloud), environment="dev").templates()
        self._sinks = find_failure_sinks(templates)
        self._seen: set[str] = set()
        self.put_back = 0
        """How many dead letters were redriven."""
        self.unknown_mails: set[str] = set()
        """The orders with a mail that may have been sent or not: a person decides."""

    @property
    def dead_lettered(self) -> int:
        """How many dead letters the operator has seen."""
        return len(self._seen)

    def leaves_to_a_person(self, violation: Violation) -> bool:
        """Return whether a person has to find out what became of the mail that this is about."""
        return bool(UNKNOWN.fullmatch(violation.problem)) and any(
            order_id in violation.subject for order_id in self.unknown_mails
        )

    def complete(self, note: Note) -> None:
        """Go on until every order has ended, every failure sink is empty, and nothing is delayed.

        A delayed delivery may become a dead letter, even when all orders have ended.
        """

        def left() -> int:
            # Counted first: what is delivered meanwhile is seen as a dead letter.
            delayed = control.unfinished(self._run.cloud)
            dead_letters = self._look()
            if dead_letters:
                self.put_back += self._ops("dlq", "redrive", "--all").get("moved", 0)
                self._ops("saga", "repair")
            self._run.snapshot.gather_orders()
            unended = count(self._run.database, OPEN)
            if unended:
                self._ops("saga", "resume", "--all")
                self._duplicates.find(lambda _: None)
                self._duplicates.decide()
            note(f"{unended:,} open, {dead_letters:,} dead letters, {self.put_back:,} redriven")
            return unended + dead_letters + delayed

        wait_until_none(left, stall=STALL_SECONDS)

    def _look(self) -> int:
        """Count the dead letters. Delete those of mails whose outcome stays unknown."""
        deleted: defaultdict[str, list[str]] = defaultdict(list)
        sending = self._sending()
        found, unreadable = peek_all(self._sinks, self._client)
        # One that cannot be read may hold something.
        number = len(unreadable)
        for contents in found:
            number += max(contents.depth.total, len(contents.dead_letters))
            for each in contents.dead_letters:
                self._seen.add(each.message.id)
                order_id = _order_of_unknown_mail(each)
                if order_id in sending:
                    self.unknown_mails.add(order_id)
                    deleted[contents.sink.name].append(each.message.id)
        for name, ids in deleted.items():
            chosen = [word for id in ids for word in ("--id", id)]
            number -= len(self._ops("dlq", "purge", name, *chosen))
        return number

    def _sending(self) -> set[str]:
        """Return the orders with a mail that was begun, and whose outcome is not recorded."""
        pages = scan(self._client("dynamodb"), self._run.outputs["EmailRecordsTable"])
        return {row["order_id"] for page in pages for row in page if row["state"] == "SENDING"}

    def _ops(self, *words: str) -> Any:
        """Run the operator's command; return what it reports, or nothing if it failed.

        On a busy machine it may run into a time-out. Then the next round tries again.
        """
        pace = () if "purge" in words else ("--per-second", "200")
        try:
            return json.loads(run_ops(self._run.cloud, *words, "--yes", "--json", *pace).stdout)
        except CloudError:
            return {}


def _order_of_unknown_mail(dead_letter: DeadLetter) -> str:
    found = _UNKNOWN_MAIL.search(dead_letter.error)
    return found[1] if found else ""
