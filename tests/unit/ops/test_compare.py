"""Two tables that are being written are compared item by item."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.views.compare import MAX_DIFFS, PAGE, compare, still_differing
from ops.views.rebuild import Rebuild
from tests.unit.ops.table_fakes import Items, tables


class Busy(Items):
    """It answers one key at a time."""

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        first, *later = RequestItems["table"]["Keys"]
        answer = super().batch_get_item(
            RequestItems={"table": RequestItems["table"] | {"Keys": [first]}}
        )
        return answer | {"UnprocessedKeys": {"table": {"Keys": later}} if later else {}}


@pytest.mark.usefixtures("pauses")
class TestComparing:
    def test_equal_tables_of_any_size_compare_equal(self):
        one, other = Items(5 * PAGE + 7), Items(5 * PAGE + 7)

        (found,) = compare(*tables(one, other), meanwhile=lambda: None)

        assert (found.items, found.differing) == (5 * PAGE + 7, [])
        assert max(one.most_at_once, other.most_at_once) <= 100

    def test_item_that_differs_or_is_missing_on_either_side_is_found(self):
        live, rebuilt = tables(Items(205, i7="other"), Items(203))

        (found,) = compare(live, rebuilt, meanwhile=lambda: None)
        (turned,) = compare(rebuilt, live, meanwhile=lambda: None)

        assert set(found.differing) == set(turned.differing) == {("i7",), ("i203",), ("i204",)}

    def test_many_differences_are_yielded_in_batches(self):
        found = list(compare(*tables(Items(3 * MAX_DIFFS + 7), Items(0)), meanwhile=lambda: None))

        assert [len(each.differing) for each in found] == [MAX_DIFFS, MAX_DIFFS, MAX_DIFFS, 7]
        assert [each.items for each in found] == [
            MAX_DIFFS,
            2 * MAX_DIFFS,
            3 * MAX_DIFFS,
            3 * MAX_DIFFS + 7,
        ]
        assert len({key for each in found for key in each.differing}) == 3 * MAX_DIFFS + 7

    def test_unprocessed_keys_are_requested_again_after_growing_pauses(
        self, pauses: list[float], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("ops.views.compare.random.uniform", lambda _, longest: longest)
        table, _ = tables(Busy(8), Items(0))

        found = table.batch_get([(f"i{number}",) for number in range(8)])

        assert len(found) == 8
        assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0]

    def test_events_are_written_between_pages(self):
        calls: list[int] = []

        list(compare(*tables(Items(3 * PAGE), Items(3 * PAGE)), meanwhile=lambda: calls.append(1)))

        assert len(calls) == 6

    def test_late_items_are_equal_once_they_arrive(self):
        live, late = Items(2), Items(2, i1="old")
        keys = [("i1",)]
        assert still_differing(*tables(live, late), keys) == keys

        late.changed.clear()

        assert still_differing(*tables(live, late), keys) == []


def late(number: int) -> dict[str, str]:
    return {f"i{n}": "late" for n in range(number)}


Prove = Callable[[Items, Items], tuple[bool, str]]


@pytest.mark.usefixtures("pauses")
class TestProving:
    @pytest.fixture
    def prove(self, monkeypatch: pytest.MonkeyPatch) -> Prove:
        """Proves tables equal; what is late comes while it is looked at again, and not before."""
        clock = count()
        monkeypatch.setattr(
            "ops.views.rebuild.time", SimpleNamespace(monotonic=lambda: next(clock))
        )

        def prove(live: Items, idle: Items) -> tuple[bool, str]:
            calls, said = count(1), list[str]()

            def catch_up() -> int:
                if next(calls) == MAX_DIFFS // PAGE + 3:
                    idle.come()
                return 0

            rebuild = Rebuild(
                deployed=cast(Any, None),
                views={},
                progress=said.append,
                compare_timeout=timedelta(seconds=9),
            )
            of, to = tables(live, idle)
            target: Any = SimpleNamespace(live=of, idle=to, say=said.append)
            return rebuild._verify(target, catch_up, catch_up), said[-1]

        return prove

    def test_items_after_many_late_ones_are_compared_too(self, prove: Prove):
        """Of what is missing there are fewer than would stop the comparison."""
        live, idle = Items(4 * MAX_DIFFS), Items(4 * MAX_DIFFS - 1, **late(MAX_DIFFS + 200))

        assert prove(live, idle) == (False, f"not equal: 1 of {4 * MAX_DIFFS:,} items differ")

    def test_many_late_items_are_equal_once_they_arrive(self, prove: Prove):
        live, idle = Items(4 * MAX_DIFFS), Items(4 * MAX_DIFFS, **late(3 * MAX_DIFFS))

        assert prove(live, idle) == (True, f"equal: {4 * MAX_DIFFS:,} items")

    def test_many_missing_items_end_the_comparison(self, prove: Prove):
        live, idle = Items(4 * MAX_DIFFS), Items(0)

        assert prove(live, idle) == (
            False,
            f"not equal: {MAX_DIFFS:,} of {MAX_DIFFS:,} items differ",
        )
