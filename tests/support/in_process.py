"""All functions of the platform in one process, on the tables that the templates declare.

The handlers are the real ones, and the tables are MiniStack's. There is no network, no chance and
no waiting. What is sent to other services is kept in ``sent``, and not delivered.
"""

import json
from contextlib import AbstractContextManager, suppress
from copy import deepcopy
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from botocore.config import Config

from simulation.chance import Chance
from simulation.functions import Function, Outcome
from simulation.kernel import Kernel, current
from simulation.ledger import TABLES, Ledger
from simulation.requests import client_error
from simulation.seams import installed
from simulation.tables import Change, Tables
from simulation.templates import Resource, Templates
from tests.support.used_rights import Right, rights_of


@dataclass(frozen=True, slots=True)
class Trace:
    """What calls have left: rows, rows of the ledger, and requests to other services."""

    tables: Any
    ledger: Any
    sent: Any


class InProcess:
    """The platform in this process."""

    def __init__(self, templates: Templates, *, sender: str) -> None:
        """``sender`` is the address that mails come from; ``dev`` itself has none."""
        self._sender = sender
        self.kernel = Kernel()
        chance = Chance(0, self.kernel)
        chance.calm_from = 0
        self.templates = templates
        self.tables = Tables(self.kernel, chance)
        self.tables.on_changes = lambda changes: self.changes.extend(changes)
        tables = list(templates.all("AWS::DynamoDB::GlobalTable"))
        self.tables.create(tables)
        self.table_names = [table.name for table in tables]
        self.keys = {
            table.name: [key["AttributeName"] for key in table.properties["KeySchema"]]
            for table in tables
        }
        """The columns of each table's key."""
        self._chance = chance
        self._ledger: Ledger | None = None
        self.changes: list[Change] = []
        """The changes of rows since ``restore``, or since they were taken."""
        self._objects: dict[str, bytes] = {}
        self.sent: list[tuple[str, str, Any]] = []
        """The requests to other services: service, operation, arguments."""
        self.functions = {f.name: self._function(f) for f in templates.all("AWS::Lambda::Function")}
        self.used: dict[str, set[Right]] = {}
        """The rights that each function has used so far."""
        self._saved: Any = None

    def installed(self) -> AbstractContextManager[None]:
        """Make the platform's code use this cloud for as long as the context lasts."""
        return installed(self, lambda _: 0.5)

    def call(self, service: str, operation: str, request: dict[str, Any], config: Config) -> Any:
        """Make a request as boto3 does; return the answer or raise."""
        # A worker is not a process of the kernel, and has no right of a function.
        with suppress(TypeError):
            rights = self.used.setdefault(current().name, set())
            rights.update(rights_of(service, operation, request))
        if service == "dynamodb":
            answer = self.tables.perform(operation, request)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if operation == "get_object":
            if request["Key"] not in self._objects:
                raise client_error("s3", "NoSuchKey", operation)
            return {"Body": BytesIO(self._objects[request["Key"]])}
        if service == "lambda":
            return self._call_function(self.functions[request["FunctionName"]], request["Payload"])
        self.sent.append((service, operation, deepcopy(request)))
        match operation:
            case "put_object":
                self._objects[request["Key"]] = request["Body"]
            case "put_events":
                ids = [{"EventId": "e"} for _ in request["Entries"]]
                return {"FailedEntryCount": 0, "Entries": ids}
            case "publish_batch":
                return {"Successful": []}
        return {"MessageId": "m"}

    def _call_function(self, function: Function, payload: str | bytes) -> dict[str, Any]:
        outcome = self.invoke_within(function, json.loads(payload))
        failed = {"FunctionError": "Unhandled"} if outcome.error else {}
        answer = {"errorType": outcome.error} if outcome.error else outcome.payload
        return {"Payload": BytesIO(json.dumps(answer).encode()), **failed}

    def invoke_within(self, function: Function, event: Any) -> Outcome:
        """Invoke a function from within another one, in whose process it runs."""
        caller, environment = current(), dict[str, Any]()
        before = caller.name, caller.settings
        caller.name, caller.settings = function.short, function.settings
        try:
            function._start(environment)
            return Outcome(payload=environment["handler"](event, None))
        except Exception as error:  # noqa: BLE001 -- Lambda reports whatever it is
            return Outcome(error=type(error).__name__, message=str(error))
        finally:
            caller.name, caller.settings = before

    def connect(self, **options: Any) -> Any:
        """Open a connection to the ledger's database."""
        self._ledger = self._ledger or Ledger(self.kernel, self._chance)
        return self._ledger.connect(**options)

    def log(self, line: str) -> None:
        """Drop a line of a function's log; it has to be JSON."""
        json.loads(line)

    def invoke(self, name: str, event: Any) -> Outcome:
        """Invoke a function in an execution environment of its own."""
        outcomes: list[Outcome] = []
        function = self.functions[name]
        function._idle.clear()
        function.invoke(event, outcomes.append)
        self.kernel.run(until=self.kernel.now + 900, stop=lambda: bool(outcomes))
        return outcomes[0]

    def call_function(self, short: str, event: Any) -> Outcome:
        """Invoke the function of a handler's module, such as ``orders.place_order``."""
        name = next(name for name, each in self.functions.items() if each.short == short)
        return self.invoke(name, event)

    def trace(self) -> Trace:
        """Return what calls have left so far."""
        ledger = {t: list(self._ledger.rows(t)) for t in TABLES} if self._ledger else {}
        return Trace(self.tables.save(), ledger, list(self.sent))

    def save(self) -> None:
        """Keep the present state for ``restore``."""
        self._saved = self.tables.save(), dict(self._objects), self.kernel.now

    def restore(self, *, without_rows: bool = False) -> None:
        """Make the state what it was at ``save``, or with empty tables. The ledger gets empty."""
        tables, objects, self.kernel.now = self._saved
        self.tables.restore({name: {} for name in tables} if without_rows else tables)
        self._objects = dict(objects)
        if self._ledger and self._ledger.commits:
            self._ledger = Ledger(self.kernel, self._chance)
        # The clocks of the environments that start now are those of the last time.
        self._chance._counts.clear()
        self.sent.clear()
        self.changes.clear()
        self.kernel._due.clear()
        self.kernel._processes.clear()

    def _function(self, resource: Resource) -> Function:
        own = resource.properties
        settings = own.get("Environment", {}).get("Variables", {})
        return Function(
            resource.name,
            handler=own["Handler"],
            settings={name: str(value) or self._sender for name, value in settings.items()},
            timeout=float(own.get("Timeout", 3)),
            kernel=self.kernel,
            chance=self._chance,
        )
