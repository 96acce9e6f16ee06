"""The real handlers, as functions from the rows of one order to its rows afterwards.

A handler runs whole, on tables that have only these rows. Payments' commands do not: they stop
after each call of the ledger or the card provider, because others may act in between. The same
arguments always give the same result, so results are remembered.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, cast
from unittest.mock import patch

from botocore.config import Config

from lambdas.contracts.payments import RefundPayment, TakePayment
from lambdas.contracts.values import Money
from lambdas.payments import charging
from lambdas.payments.domain import Charge, ChargeResult, check_taken, posting
from lambdas.payments.lambda_provider import LambdaProvider
from lambdas.runtime import settings
from simulation.chance import Chance
from simulation.functions import code_of
from simulation.kernel import Kernel
from simulation.seams import installed, virtual_datetime
from simulation.tables import Tables
from simulation.templates import Resource

T = TypeVar("T")
KEYS = {
    "Orders": "order_id",
    "Shipments": "order_id",
    "Reservations": "order_id",
    "Stock": "sku",
    "Cards": "key",
}
"""The tables, and their keys."""


class Rows(NamedTuple):
    """The one row of each table, in the order of ``KEYS``, as JSON; empty if there is none."""

    order: str
    shipment: str = ""
    reservation: str = ""
    stock: str = ""
    card: str = ""


TABLES: Mapping[str, Sequence[str]] = {
    "orders": ("Orders",),
    "shipping": ("Shipments",),
    "inventory": ("Reservations", "Stock"),
    "card_provider": ("Cards",),
}
"""The tables of a service or a simulator: no other reads or writes them."""
SETTINGS = {
    "ORDERS_TABLE": "Orders",
    "SHIPMENTS_TABLE": "Shipments",
    "RESERVATIONS_TABLE": "Reservations",
    "STOCK_TABLE": "Stock",
    "CHARGES_TABLE": "Cards",
    "CHARGE_LIMIT": "100000",
    "DEAD_LETTER_QUEUE_URL": "none",
}


class Answer(NamedTuple):
    """What a request led to: the rows after each write, and the payload as JSON, or an error."""

    writes: Sequence[Rows]
    payload: str = "{}"
    error: str = ""


class Payment(NamedTuple):
    """The payment of an order: its charge, and the kinds of its entries in the ledger."""

    charge: Charge | None = None
    entries: tuple[str, ...] = ()


class Paused(Exception):
    """A command of payments has made one more call, and stops before the next."""


@dataclass
class PureHandlers:
    """The handlers of the platform, on tables in this process."""

    def __post_init__(self) -> None:
        self.kernel = Kernel()
        calm = Chance(0, self.kernel)
        calm.calm_from = 0
        self._tables = Tables(self.kernel, calm)
        self._tables.create([_table(name, key) for name, key in KEYS.items()])
        self._run = cache(self._execute)
        self._write = cache(self._update)
        self.pay = cache(self._pay)
        self._handler = cache(self._load)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Make the platform's code use these tables for as long as the context lasts."""
        environment = SimpleNamespace(environ=SETTINGS)
        with installed(self, lambda _: 0.0), patch.object(settings, "os", environment):
            yield

    def call(self, service: str, operation: str, request: dict[str, Any], config: Config) -> Any:
        """Execute a handler's request; return its answer, or raise it."""
        if service != "dynamodb":
            raise ValueError(f"{service}.{operation} is not part of the model")
        answer = self._tables.perform(operation, request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def connect(self, **options: Any) -> Any:
        """Refuse: payments' commands run without a database."""
        raise TypeError("the model has no database")

    def log(self, line: str) -> None:
        """Ignore a line of a function's log."""

    def run(self, module: str, payload: str, rows: Rows) -> Answer:
        """Run a handler with a payload, on these rows of its service.

        Raises:
            LookupError: the model lacks the service's tables.
        """
        places = [list(KEYS).index(table) for table in _tables_of(module)]
        versions, answer, error = self._run(module, payload, tuple(rows[at] for at in places))
        writes = []
        for version in versions:
            changed = list(rows)
            for place, row in zip(places, version, strict=True):
                changed[place] = row
            writes.append(Rows(*changed))
        return Answer(tuple(writes), answer, error)

    def write(self, request: str, rows: Rows) -> Answer:
        """Execute a saga's write of the order."""
        order, answer, error = self._write(request, rows.order)
        return Answer((rows._replace(order=order),), answer, error)

    def _execute(
        self, module: str, payload: str, rows: Sequence[str]
    ) -> tuple[Sequence[Sequence[str]], str, str]:
        tables = _tables_of(module)
        self._tables.load(dict(zip(tables, map(_parsed, rows), strict=True)))
        versions: list[Sequence[str]] = []
        self._tables.on_changes = lambda _: versions.append(tuple(map(self._row, tables)))
        answer, failed = "{}", ""
        try:
            answer = json.dumps(self._handler(module)(json.loads(payload), None))
        except Exception as error:  # noqa: BLE001 -- Lambda reports whatever it is
            failed = type(error).__name__
        return versions, answer, failed

    def _update(self, request: str, order: str) -> tuple[str, str, str]:
        self._tables.load({"Orders": _parsed(order)})
        self._tables.on_changes = lambda _: None
        answer = self._tables.perform("update_item", json.loads(request))
        if isinstance(answer, Exception):
            code = answer.response["Error"]["Code"]  # type: ignore[attr-defined]
            return order, "{}", f"DynamoDB.{code}"
        return self._row("Orders"), json.dumps(answer), ""

    def _pay(
        self, command: str, payload: str, done: tuple[Any, ...], payment: Payment, rows: Rows
    ) -> tuple[Payment, tuple[Any, ...], Answer]:
        """Repeat a command of payments with the answers that it had, and let it make one call more.

        Return the payment, the answers, and the command's own answer: without a payload if it has
        not ended.
        """
        calls = _Calls(self, done, payment, rows)
        error = ""
        try:
            if command == "TakePayment":
                check_taken(charging.take(TakePayment.decode(json.loads(payload)), calls, calls))
            else:
                charging.refund(RefundPayment.decode(json.loads(payload)), calls, calls)
        except Paused:
            return calls.payment, tuple(calls.done), Answer((calls.rows,), "")
        except Exception as raised:  # noqa: BLE001 -- Lambda reports whatever it is
            error = type(raised).__name__
        return calls.payment, tuple(calls.done), Answer((calls.rows,), error=error)

    def _row(self, table: str) -> str:
        item = self._tables.item(table)
        return json.dumps(item, sort_keys=True) if item else ""

    def _load(self, module: str) -> Callable[[Any, object], Any]:
        environment: dict[str, Any] = {"__name__": module}
        exec(code_of(module), environment)  # noqa: S102 -- the platform's own code
        if "datetime" in environment:
            environment["datetime"] = virtual_datetime(self.kernel)
        return cast(Callable[[Any, object], Any], environment["handler"])


class _Calls:
    """The ledger and the card provider of a command: repeats known answers, makes one new call."""

    def __init__(
        self, handlers: PureHandlers, done: Sequence[Any], payment: Payment, rows: Rows
    ) -> None:
        self.done, self.payment, self.rows = list(done), payment, rows
        self._handlers = handlers
        self._repeated = iter(done)
        self._called = False
        self._provider = LambdaProvider("provider", lambda_client=cast(Any, self))

    def find_or_create(self, charge: Charge) -> Charge:
        """See ``charging.Charges``."""
        return self._call(lambda: self._find_or_create(charge))

    def transition(self, before: Charge, after: Charge) -> Charge:
        """See ``charging.Charges``."""
        return self._call(lambda: self._transition(before, after))

    def charge(self, key: str, customer_id: str, amount: Money) -> ChargeResult:
        """See ``charging.Provider``."""
        return self._call(lambda: self._provider.charge(key, customer_id, amount))

    def refund(self, key: str) -> None:
        """See ``charging.Provider``."""
        self._call(lambda: self._provider.refund(key))

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 -- boto3's
        """Invoke the provider's function."""
        answer = self._handlers.run("simulators.card_provider.handle_request", Payload, self.rows)
        self.rows = [self.rows, *answer.writes][-1]
        failed = {"FunctionError": "Unhandled"} if answer.error else {}
        return {"Payload": BytesIO(answer.payload.encode()), **failed}

    def _call(self, make: Callable[[], T]) -> T:
        for answer in self._repeated:
            return cast(T, answer)
        if self._called:
            raise Paused
        self._called = True
        self.done.append(made := make())
        return made

    def _find_or_create(self, charge: Charge) -> Charge:
        if self.payment.charge is None:
            self.payment = Payment(charge)
        return self.payment.charge or charge

    def _transition(self, before: Charge, after: Charge) -> Charge:
        """Replace the charge if it is ``before``; a row's state is what the store compares."""
        recorded = self.payment.charge
        if recorded is None or recorded.state != before.state:
            return recorded or before
        entry = posting(before, after)
        posted = (entry.kind.value,) if entry else ()
        self.payment = Payment(after, (*self.payment.entries, *posted))
        return after


def _tables_of(module: str) -> Sequence[str]:
    service = module.split(".")[1]
    if service not in TABLES:
        raise LookupError(
            f"the model has no table of {service}: add it to KEYS, Rows, TABLES and SETTINGS in "
            "simulation/pure_handlers.py"
        )
    return TABLES[service]


def _parsed(row: str) -> dict[str, Any] | None:
    parsed: dict[str, Any] | None = json.loads(row) if row else None
    return parsed


def _table(name: str, key: str) -> Resource:
    properties = {
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return Resource(name=name, kind="AWS::DynamoDB::Table", properties=properties)
