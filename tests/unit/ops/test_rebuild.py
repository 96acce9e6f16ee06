"""A rebuild of views, while other commands and functions work."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from ops.deployed import OperationError
from ops.output import with_notes
from ops.views.compare import PAGE, DynamoTable
from ops.views.rebuild import UNFINISHED_SWITCH, Rebuild
from ops.views.registry import VIEWS
from ops.views.sources import RebuildSource
from tests.unit.ops.table_fakes import Items, tables


class Source(RebuildSource):
    """A source that never has anything new, and is due only at first."""

    def __init__(self) -> None:
        self.follows = self.backfills = 0

    def backfill(self) -> Iterator[str]:
        self.backfills += 1
        yield from ()

    @property
    def is_due(self) -> bool:
        return self.follows == 0

    def follow(self) -> int:
        self.follows += 1
        return 0


class Lease(nullcontext[Any]):
    """A lease that no other command wants."""

    def renew(self) -> None:
        pass


Run = Callable[..., Mapping[str, bool]]


@pytest.fixture
def slots() -> dict[str, str]:
    """The parameters of the stack: which tables are live."""
    return {}


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch, slots: dict[str, str]) -> Run:
    """Rebuilds views of this source: their tables, live and idle, are given by their names."""

    def run(
        source: RebuildSource,
        switch: bool = False,
        said: list[str] | None = None,
        compare_timeout: timedelta = timedelta(0),
        change: Callable[..., None] | None = None,
        **views: tuple[Items, Items],
    ) -> Mapping[str, bool]:
        lines: list[str] = [] if said is None else said
        found = {}
        for name, items in views.items():
            found[f"{name}Table"], found[f"{name}StandbyTable"] = tables(*items)
        monkeypatch.setattr(DynamoTable, "delete_all", lambda _: 0)
        monkeypatch.setattr("ops.views.rebuild.RebuildLease", lambda *_, **__: Lease())
        monkeypatch.setattr(Rebuild, "_table", lambda _, name: found[name])
        slots.update(dict.fromkeys((f"{name}Slot" for name in views), "0"))
        deployed = SimpleNamespace(
            outputs_and_parameters=lambda _: ({name: name for name in found}, dict(slots)),
            change=change or (lambda _, slot, value, meanwhile: slots.update({slot: value})),
            client=lambda _: None,
        )
        view = replace(VIEWS["timelines"], source=lambda _: source)
        rebuild = Rebuild(
            deployed=cast(Any, deployed),
            views={name: replace(view, name=name) for name in views},
            progress=lines.append,
            compare_timeout=compare_timeout,
        )
        return rebuild.run(switch=switch)

    return run


@pytest.mark.usefixtures("pauses")
def test_comparison_of_many_pages_does_not_wait_for_the_stream(rebuilt: Run):
    source = Source()

    assert rebuilt(source, Timelines=(Items(10 * PAGE), Items(10 * PAGE))) == {"Timelines": True}
    assert source.follows == 1


@pytest.mark.usefixtures("pauses")
def test_each_of_several_views_is_compared_with_its_own_tables(
    rebuilt: Run,
):
    source = Source()

    equal = rebuilt(
        source, Timelines=(Items(3), Items(3)), Sales=(Items(3), Items(2)), Orders=(Items(1),) * 2
    )

    assert equal == {"Timelines": True, "Sales": False, "Orders": True}
    assert source.backfills == 1


@pytest.mark.usefixtures("pauses")
def test_what_is_compared_again_is_said_in_one_line_that_is_redrawn(rebuilt: Run):
    said: list[str] = []

    # The terminal begins a new line where the step changes.
    rebuilt(
        Source(),
        said=said,
        compare_timeout=timedelta(milliseconds=20),
        Timelines=(Items(3), Items(2)),
    )

    steps = [line.partition(":")[0] for line in said]
    assert steps.count("comparing") > 1
    assert [step for step, _ in groupby(steps)].count("comparing") == 1


@pytest.mark.usefixtures("pauses")
def test_of_several_views_those_that_are_equal_are_switched_to(rebuilt: Run, slots: dict[str, str]):
    rebuilt(Source(), switch=True, Timelines=(Items(3),) * 2, Sales=(Items(3), Items(2)))

    assert slots == {"TimelinesSlot": "1", "SalesSlot": "0"}


@pytest.mark.usefixtures("pauses")
def test_view_that_another_command_has_switched_meanwhile_is_not_switched_back(
    rebuilt: Run, slots: dict[str, str]
):
    class Overtaken(Source):
        def backfill(self) -> Iterator[str]:
            slots["TimelinesSlot"] = "1"
            yield from ()

    with pytest.raises(OperationError, match="switched Timelines to slot 1 meanwhile"):
        rebuilt(Overtaken(), switch=True, Timelines=(Items(3),) * 2)

    assert slots == {"TimelinesSlot": "1"}


def refusal(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize(
    ("ending", "is_left"),
    [
        (KeyboardInterrupt(), True),
        (SystemExit(143), True),
        (BrokenPipeError(), True),
        (refusal("GetRecords"), True),
        (OperationError("rolled back"), True),
        (refusal("UpdateStack"), False),
    ],
)
def test_switch_that_is_cut_off_says_that_the_view_may_lack_events(
    rebuilt: Run, ending: BaseException, is_left: bool
):
    """The stack's update goes on, and nobody writes the events of its last moments."""

    def change(*_: Any, **__: Any) -> None:
        raise ending

    with pytest.raises(type(ending)) as raised:
        rebuilt(Source(), switch=True, change=change, Timelines=(Items(3),) * 2)

    assert with_notes("", raised.value) == (UNFINISHED_SWITCH.format("Timelines") * is_left)


@pytest.mark.usefixtures("pauses")
def test_rebuild_that_is_cut_off_knows_what_it_has_switched(
    rebuilt: Run, slots: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    """Its report for scripts has nothing else to go by."""
    begun = list[Rebuild]()

    def run(self: Rebuild, **how: bool) -> Mapping[str, bool]:
        begun.append(self)
        return whole(self, **how)

    def change(_: Any, slot: str, value: str, **__: Any) -> None:
        if slot == "SalesSlot":
            raise KeyboardInterrupt
        slots[slot] = value

    whole = Rebuild.run
    monkeypatch.setattr(Rebuild, "run", run)

    with pytest.raises(KeyboardInterrupt):
        both = dict.fromkeys(("Timelines", "Sales"), (Items(1),) * 2)
        rebuilt(Source(), switch=True, change=change, **both)

    (rebuild,) = begun
    assert (rebuild.equal, rebuild.switched) == ({"Timelines": True, "Sales": True}, ["Timelines"])


def test_table_that_another_command_has_made_live_is_not_emptied(
    rebuilt: Run, slots: dict[str, str]
):
    class Late(Source):
        def start(self) -> None:
            slots["TimelinesSlot"] = "1"

    source = Late()
    with pytest.raises(OperationError, match="run this again"):
        rebuilt(source, Timelines=(Items(3),) * 2)

    assert source.backfills == 0
