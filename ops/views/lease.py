"""The lease of a view's idle table, which keeps two rebuilds of the view apart."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.dynamodb import put_if_absent, put_if_unchanged, to_item
from ops.deployed import OperationError
from ops.views.compare import LEASE_KEY, DynamoTable

RENEW_EVERY = 5.0
"""Seconds between two renewals."""
EXPIRES_AFTER = 30
"""Seconds without a renewal after which another command takes the lease over."""


class RebuildLease:
    """The right to fill a view's idle table and to switch to it; one command has it at a time.

    It is an item of that table. A thread renews it. A command that finds another's lease looks
    whether it is renewed, and takes it over if not. So no clocks are compared, and a command that
    was killed blocks the next one for half a minute only.
    """

    def __init__(
        self,
        view: str,
        table: DynamoTable,
        *,
        dynamodb: Any,
        owner: str,
        say: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``dynamodb`` is boto3's low-level client. ``owner`` is unique."""
        self._view = view
        self._table = table.table.name
        self._dynamodb = dynamodb
        self._key = dict.fromkeys(table.key_names, LEASE_KEY)
        self._item: dict[str, Any] = {**self._key, "owner": owner, "renewals": 0}
        self._say = say
        self._sleep = sleep
        self._renewing = threading.Lock()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        """Take the lease, and keep it.

        Raises:
            OperationError: another command has it.
        """
        found = self._put_if_absent()
        for second in range(EXPIRES_AFTER):
            if found == self._item:
                break
            self._say(f"waiting: {EXPIRES_AFTER - second} s, to see whether another rebuild runs")
            self._sleep(1)
            if (now := self._put_if_absent()) not in (found, self._item):
                raise self._taken()
            found = now
        if found != self._item and not self._replace(found, "owner", "renewals"):
            raise self._taken()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the lease, unless another command has taken it over."""
        self._released.set()
        self._thread.join()
        with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=to_item(self._key),
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues=to_item({":owner": self._item["owner"]}),
            )

    def renew(self) -> None:
        """Renew the lease.

        Raises:
            OperationError: another command has taken it over, because this one was stopped for
                longer than a lease lasts.
        """
        with self._renewing:
            self._item["renewals"] += 1
            if not self._replace(self._item, "owner"):
                raise self._taken()

    def _keep(self) -> None:
        while not self._released.wait(RENEW_EVERY):
            try:
                self.renew()
            except OperationError:
                # The rebuild ends with this error when it renews the lease before its switch.
                return
            except (ClientError, BotoCoreError):
                # The next one may succeed. The one before the switch raises what it meets.
                continue

    def _put_if_absent(self) -> dict[str, Any]:
        return put_if_absent(self._dynamodb, self._table, self._item, key=next(iter(self._key)))

    def _replace(self, old: dict[str, Any], *compared: str) -> bool:
        return put_if_unchanged(
            self._dynamodb, self._table, old, self._item, version_attributes=compared
        )

    def _taken(self) -> OperationError:
        return OperationError(
            f"another command rebuilds {self._view}: wait for its end, and run this again"
        )
