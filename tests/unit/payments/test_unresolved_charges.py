"""A run that queries stale charges ends with the last page."""

from datetime import timedelta
from typing import Any, cast

from lambdas.payments.database import Database
from lambdas.payments.unresolved_charges import UnresolvedCharges
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents


class NoStaleCharges:
    """A database whose index has no stale charges."""

    def __init__(self) -> None:
        self.claims = 0

    def run(self, sql: str, **values: object) -> list[Any]:
        self.claims += 1
        return []


def test_run_without_stale_charges_claims_once():
    database = NoStaleCharges()
    charges = UnresolvedCharges(cast(Database, database), Bus("Orders", eventbridge=FakeEvents()))

    charges.query_stale(stale_after=timedelta(hours=1))

    assert database.claims == 1
