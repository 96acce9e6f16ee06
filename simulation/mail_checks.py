"""The promises about mails and invoices: one of each for an order, to a confirmed address only."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lambdas.notifications.confirmations import MAILS_PER_ADDRESS, SUBJECT
from lambdas.notifications.email_records import INVOICE
from simulation.bus import Event
from simulation.invariants import BrokenPromiseError
from simulation.mail import SUBJECTS, Mail, is_about
from simulation.operator import LATEST_MAIL
from simulation.tables import Change
from simulation.world import World

KINDS_OF_EVENTS = [kind for kind in SUBJECTS if kind != INVOICE]
FINAL = ("SENT", "NO_ADDRESS", "UNCONFIRMED")
"""The states of a mail's record that need nobody."""


class MailChecks:
    """What holds of mails, their records, and invoices."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._customers = world.table("Notifications", "Customers")
        self._records = world.table("Notifications", "EmailRecords")
        (self._bucket,) = (name for name in world.buckets.names() if "Invoices" in name)
        self._events: dict[tuple[str, str], float] = {}
        """When each event was first published, by order and type."""
        self._confirmed: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        """The confirmed addresses of each customer, since when each; empty if it has none."""
        self._subjects: set[str] = set()
        self._asked = Counter[str]()
        world.checks.append(self._after_change)
        world.event_checks.append(self._after_event)
        world.mail.on_mail.append(self._after_mail)
        world.buckets.on_put = self._after_put

    def _after_event(self, event: Event) -> None:
        if event["detail-type"] in KINDS_OF_EVENTS and event["detail"]["data"]:
            key = event["detail"]["metadata"]["subject"], event["detail-type"]
            self._events.setdefault(key, self._world.kernel.now)

    def _after_change(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.table == self._customers:
                customer = (change.after or change.before or {})["customer_id"]["S"]
                known = self._confirmed[customer]
                email = (change.after or {}).get("email", {}).get("S", "")
                if email != (known[-1][1] if known else ""):
                    known.append((change.at, email))

    def _after_mail(self, mail: Mail) -> None:
        self._world.journey.note("", f"SES takes {mail.subject!r} to {mail.to}")
        if mail.subject == SUBJECT:
            self._asked[mail.to] += 1
            if self._asked[mail.to] > MAILS_PER_ADDRESS:
                raise BrokenPromiseError(2, f"{mail.to} was asked once more: {self._asked}")
            return
        order_id = next(order for order in self._orders() if order in mail.subject)
        if mail.subject in self._subjects:
            raise BrokenPromiseError(2, f"sent twice: {mail.subject}", order_id)
        self._subjects.add(mail.subject)
        customer = self._orders()[order_id]["customer_id"]
        if mail.to not in self._lately(customer):
            problem = f"{mail.to} is not confirmed, and got a mail: {self._confirmed[customer]}"
            raise BrokenPromiseError(2, problem, order_id)

    def _lately(self, customer: str) -> Iterator[str]:
        """Yield the addresses that a customer had confirmed while a mail was being sent."""
        until = float("inf")
        for since, email in reversed(self._confirmed[customer]):
            if until >= self._world.kernel.now - LATEST_MAIL:
                yield email
            until = since

    def _after_put(self, key: str, stored: bytes | None, put: bytes, only_new: bool) -> None:
        if stored is not None and (stored != put or not only_new):
            raise BrokenPromiseError(2, f"a second invoice at {key}", _order_of(key))

    def at_the_end(self) -> None:
        """Check every mail and every invoice, when all is quiet."""
        records = {
            (row["order_id"], row["kind"]): row for row in self._world.tables.rows(self._records)
        }
        for (order_id, kind), row in records.items():
            self._check_record(order_id, kind, row)
        for key, at in self._events.items():
            if key not in records:
                raise BrokenPromiseError(1, f"nothing is known of the mail {key[1]}", key[0])
            self._check_reached(key, at, records[key]["state"])
        confirmed = {order_id for order_id, kind in self._events if kind == "OrderConfirmed"}
        invoices = self._world.buckets[self._bucket]
        if wrong := confirmed ^ set(map(_order_of, invoices)):
            raise BrokenPromiseError(
                2, f"confirmed without an invoice, or not: {wrong}", min(wrong)
            )
        for order_id in confirmed:
            with_it = [
                kind
                for kind in ("OrderConfirmed", INVOICE)
                if records.get((order_id, kind), {}).get("with_invoice")
            ]
            if len(with_it) != 1:
                raise BrokenPromiseError(2, f"the invoice came with {with_it}", order_id)

    def _check_record(self, order_id: str, kind: str, row: Mapping[str, Any]) -> None:
        state = row["state"]
        if (order_id, "OrderConfirmed" if kind == INVOICE else kind) not in self._events:
            raise BrokenPromiseError(2, f"a mail {kind} about no such event", order_id)
        if state not in FINAL:
            raise BrokenPromiseError(1, f"nobody knows of the mail {kind}: {row}", order_id)
        mails = [m for m in self._world.mail.accepted if is_about(m, order_id, kind)]
        if len(mails) != (state == "SENT"):
            raise BrokenPromiseError(2, f"the mail {kind} is {state}, sent: {mails}", order_id)
        stored = self._world.buckets[self._bucket].get(f"invoices/{order_id}.pdf")
        expected = stored if row.get("with_invoice") else b""
        if mails and mails[0].attachment != expected:
            raise BrokenPromiseError(2, f"the mail {kind} has another invoice", order_id)

    def _check_reached(self, key: tuple[str, str], at: float, state: str) -> None:
        """Check that a customer with an address that was always confirmed got the mail."""
        order_id, kind = key
        known = self._confirmed[self._orders()[order_id]["customer_id"]]
        if known and known[0][0] < at and all(email for _, email in known) and state != "SENT":
            raise BrokenPromiseError(1, f"the mail {kind} is {state}: {known}", order_id)

    def _orders(self) -> dict[str, dict[str, Any]]:
        rows = self._world.tables.rows(self._world.table("Orders", "Orders"))
        return {row["order_id"]: row for row in rows}


def _order_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".pdf")
