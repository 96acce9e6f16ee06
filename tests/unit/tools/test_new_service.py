"""What a new service is made of, and what is refused."""

import ast
import re
from pathlib import Path

import pytest

from tools.new_service.__main__ import GENERATED
from tools.new_service.plan import InvalidServiceError, changed_files, names, new_files, with_row

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "event", "said"),
    [
        ("Loyalty", "OrderDispatched", "NAME=Loyalty: it must be such as"),
        ("../x", "OrderDispatched", "it must be such as"),
        ("runtime", "OrderDispatched", "it must be such as"),
        ("shipping", "OrderDispatched", "there is such a service already"),
        ("brand_new", "OrderEaten", "EVENT=OrderEaten: there is none. Known: ChargeUnresolved, "),
        ("brand_new", "StockChanged", "it is on an SNS FIFO topic"),
    ],
)
def test_service_that_cannot_be_is_refused_with_the_reason(name: str, event: str, said: str):
    with pytest.raises(InvalidServiceError, match=said):
        names(ROOT, name, event)


@pytest.mark.parametrize("event", ["OrderDispatched", "OffersChanged", "CustomerNotified"])
def test_every_placeholder_of_a_file_is_filled(event: str):
    files = new_files(names(ROOT, "brand_new", event))

    assert [path for path, text in files.items() if "$" in text] == []
    for path, text in files.items():
        if path.endswith(".py"):
            ast.parse(text)


def test_shared_files_get_a_line_each_and_lose_none():
    named = names(ROOT, "brand_new", "OrderDispatched")

    for path, text in changed_files(ROOT, named).items():
        before = (ROOT / path).read_text().splitlines()
        added = [line for line in text.splitlines() if line not in before]
        assert [line for line in text.splitlines() if line not in added] == before
        assert added, path
        assert all("brand" in line.lower() or "RecordOrderDispatched" in line for line in added)


def test_row_goes_to_the_end_of_its_table():
    assert with_row("| a |\n| - |\n| 1 |\n\nend\n", "| a |", "| 2 |") == (
        "| a |\n| - |\n| 1 |\n| 2 |\n\nend\n"
    )


def test_what_make_docs_writes_is_written_too_but_for_what_no_service_changes():
    """Otherwise ``make check`` fails at a page of a service that somebody has just written."""
    rest = (ROOT / "Makefile").read_text().partition("\ndocs: ")[2]
    written = re.findall(r"^\tpython -m (.+)$", rest.partition("\n\n")[0], re.MULTILINE)
    generated = {" ".join(command[2:]) for command in GENERATED}

    assert set(written) - generated == {
        "tools.openapi",
        "bench.backlog --write",
        "bench.order_path --write",
        "bench.shard_simulation --draw",
    }
