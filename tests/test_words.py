"""Tests that retired words stay retired: docs/glossary.md has the words to use instead."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ["lambdas", "ops", "simulation", "simulators", "stacks", "tests", "tools", "workers", "*.py"]
LAPTOP = ["bench", "demo", "emulator"]
SEARCHED = [*CODE, *LAPTOP, "docs", ".github", "*.md", "*.toml", "Makefile"]
SUFFIXES = {"", ".cfg", ".in", ".json", ".md", ".py", ".service", ".sh", ".toml", ".yml", ".yaml"}
# Generated from what is searched anyway, or the list itself.
SKIPPED = ("docs/asyncapi.json", "docs/events.md", "tests/templates/__snapshots__")

# Each retired word, and what to write instead.
RETIRED = {
    r"tells?|told|telling|untold": "publish, report, notify, say",
    r"hears?|heard|hearing|unheard": "receive, consume, subscribe to",
    r"parks?|parked|parking": "dead-letter, dead-lettered",
    r"mishaps?": "fault, fault injection",
    r"whoever|whomever": "the caller, the owner, anyone who",
    r"of which|that in which": "two sentences",
    r"unsettled|settles?|settled": "unresolved, reconcile, resolve, end",
    r"looks? after|looked after|looking after|asks? about|asked about": "check, query",
    r"announces?|announced|announcing|announcements?": "publish, republish",
    r"beside": "next to, in addition to",
    r"patience": "the limit's own name: STALE_AFTER, LEASE",
    r"likeness": "dedup key",
    r"news": "notification, email, event",
    r"facts?": "event",
}
# Exceptions: files in which a retired word is the right one.
RIGHT: set[tuple[str, str]] = set()
WORD = re.compile(rf"(?<![a-z])({'|'.join(RETIRED)})(?![a-z])")
CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def found(text: str) -> list[str]:
    """The retired words of a text; those inside snake_case and CamelCase names too."""
    return [match[1] for match in WORD.finditer(CAMEL_CASE.sub("_", text).lower())]


def searched_files() -> Iterator[str]:
    for pattern in SEARCHED:
        for top in ROOT.glob(pattern):
            for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
                name = path.relative_to(ROOT).as_posix()
                skipped = name.startswith(SKIPPED) or path == Path(__file__)
                if path.is_file() and path.suffix in SUFFIXES and not skipped:
                    yield name


def remaining() -> dict[str, Counter[str]]:
    """The retired words of each file, without the exceptions."""
    counts: dict[str, Counter[str]] = {}
    for name in searched_files():
        words = [word for word in found((ROOT / name).read_text()) if (name, word) not in RIGHT]
        if words:
            counts[name] = Counter(words)
    return counts


def test_retired_words_are_not_used() -> None:
    assert {name: dict(counts) for name, counts in remaining().items()} == {}


def test_every_exception_is_still_needed() -> None:
    unneeded = [
        (name, word) for name, word in RIGHT if word not in found((ROOT / name).read_text())
    ]

    assert unneeded == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It tells the bus", ["tells"]),
        ("PARKING_QUEUE, OrderParked", ["parking", "parked"]),
        ("test_it_is_told_once", ["told"]),
        ("Whoever asks about it", ["whoever", "asks about"]),
        ("a spark, a storyteller, the hearth, newspaper", []),
    ],
)
def test_word_is_found_in_names_and_prose_and_not_inside_other_words(
    text: str, words: list[str]
) -> None:
    assert found(text) == words
