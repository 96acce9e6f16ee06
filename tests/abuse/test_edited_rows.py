"""A row that somebody edited stops nothing but what is about it, whatever reads it.

Rows, and what reads them, come from orders that were played on the platform of the templates: a new
table or function is tried as soon as `tests/support/story.py` makes use of it, and it has to. With
`make abuse EXAMPLES=1`, every damage to every attribute is tried, which may take half an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import pytest

from tests.abuse.conftest import ARE_WANTED
from tests.support.abuse_platform import snapshots
from tests.support.edited_rows import DAMAGES, Edit, edits
from tests.support.effects_of_edits import effect, problem
from tests.support.lived_platform import Item, Key, Play
from tests.support.source_records import BATCHED, SCHEDULE, TABLE, subject
from tests.support.story import Story

MOST, MOST_OF_JOBS = (1_000_000, 1_000_000) if ARE_WANTED else (1_000, 60)
"""How many edits of a table's rows are tried, evenly spread over all that there are: with what
reads them, and with jobs, which take up to a hundred times as long.
"""
STANDBY = "Green"
"""In the name of a view's table that nothing reads until the view is rebuilt."""
SHOWN = 5
TABLES = [
    table.name
    for table in snapshots().all("AWS::DynamoDB::GlobalTable")
    if STANDBY not in table.name
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A row, and an invocation that reads it: in its table, or in a record of its stream."""

    play: Play
    key: Key
    row: Item
    image: str = ""
    """Which image of the record; empty for the table."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """What distinguishes it from cases that need not be tried as well."""
        play, columns = self.play, frozenset(self.row)
        tables = frozenset(table for table, _ in play.touched)
        state = str(self.row.get("state"))
        return play.reader, play.kind, play.event, self.image, columns, state, tables


def cases(story: Story, table: str) -> Iterator[Case]:
    for play in story.here.plays:
        if play.kind == TABLE and play.consumer and play.consumer.source == table:
            for image in ("before", "after"):
                if row := play.content[image]:
                    names = story.here.keys[table]
                    key = (table, tuple((name, row[name]["S"]) for name in names))
                    yield Case(play=play, key=key, row=row, image=image)
        for key in sorted(play.touched):
            if key[0] == table and (row := story.here.row(key, play.state)):
                yield Case(play=play, key=key, row=row)


def about(story: Story, play: Play) -> Any:
    """Return what an invocation is about: no other good record of a batch may be about it, too."""
    if play.kind == TABLE and play.consumer:
        return [play.content["after"][name] for name in story.here.keys[play.consumer.source]]
    return subject(play.content)


def good_ones(story: Story, case: Case) -> list[Any]:
    """Return good records for a batch of the case's record: two that are not about its row."""
    found, subjects = list[Any](), [about(story, case.play)]
    for play in story.here.plays if case.play.kind in BATCHED else ():
        is_like = (play.reader, play.kind) == (case.play.reader, case.play.kind)
        if is_like and case.key not in play.touched and about(story, play) not in subjects:
            found.append(play.content)
            subjects.append(about(story, play))
        if len(found) == 2:
            break
    return found


def edits_of(story: Story, case: Case) -> Iterator[Edit]:
    table = case.key[0]
    rows = [row for by in case.play.state[0].get(table, {}).values() for row in by.values()]
    yield from edits(case.row, key=story.here.keys[table], others={n for row in rows for n in row})


def spread(story: Story, some: list[Case], most: int) -> Iterator[tuple[Case, list[Edit]]]:
    """Yield cases, each with the edits of its row that are tried: together at most ``most``."""
    every = [(case, edit) for case in some for edit in edits_of(story, case)]
    step = -(-len(every) // most) or 1
    # Each kind of damage has its turn: their number has no factor in common with the step.
    step += step % len(DAMAGES) == 0
    for case, pairs in groupby(every[::step], key=itemgetter(0)):
        yield case, [edit for _, edit in pairs]


def problems_of(story: Story, case: Case, tried: list[Edit]) -> Iterator[str]:
    """Repeat the case's invocation with each of these edits; yield what was wrong."""
    here, play, table = story.here, case.play, case.key[0]
    others = good_ones(story, case)
    usual = effect(here, play, [play.content, *others])
    for edit in tried:
        row, content = edit.apply(case.row), play.content
        if case.image:
            found = effect(here, play, [content | {case.image: row}, *others])
        else:
            found = effect(here, play, [content, *others], table, row)
        if usual and found and (wrong := problem(play, case.key, edit, found, usual)):
            yield f"{play.name}: {edit}: {wrong[:300]}"


@pytest.mark.parametrize("table", TABLES)
def test_edited_row_stops_only_what_is_about_it(story: Story, table: str):
    distinct = {case.shape: case for case in reversed(list(cases(story, table)))}
    jobs, others = list[Case](), list[Case]()
    for case in distinct.values():
        (jobs if case.play.kind == SCHEDULE else others).append(case)
    problems = list[str]()
    with story.here.installed():
        for read_by, most in ((jobs, MOST_OF_JOBS), (others, MOST)):
            for case, some in spread(story, read_by, most):
                problems += problems_of(story, case, some)

    assert distinct, "nothing reads the table: let tests/support/story.py do it"
    assert not problems, "\n".join([f"{len(problems)} problems", *problems[:SHOWN]])


def test_each_function_with_a_table_is_tried_on_its_rows(story: Story):
    played = {(play.reader, table) for play in story.here.plays for table, _ in play.touched}
    settings = {
        (function.short, value)
        for function in story.here.functions.values()
        for value in function.settings.values()
        if value in story.here.table_names
    }

    # The card company's function runs in the process of the one that calls it.
    assert {each for each in settings - played if not each[0].startswith("card_provider.")} == set()
