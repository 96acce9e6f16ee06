"""What would be deployed against what is deployed: who would not read which event."""

import json
from pathlib import Path

import pytest

from ops.contracts import Contracts, StackContracts, find_unread, read_synthesized
from ops.deployed import OperationError

BEFORE = StackContracts(read=None)
READS_1 = StackContracts(read={"BoxPacked": [1]})
READS_BOTH = StackContracts(read={"BoxPacked": [1, 2]})
PUBLISHES_1 = StackContracts(read={}, published={"BoxPacked": 1})
PUBLISHES_2 = StackContracts(read={}, published={"BoxPacked": 2})
A: Contracts = {"Boxes": PUBLISHES_1, "Views": READS_BOTH}
B: Contracts = {"Boxes": PUBLISHES_2, "Views": READS_BOTH}


@pytest.mark.parametrize("deployed", [{}, A, B])
def test_release_b_is_deployed_where_both_versions_are_read_or_nothing_is(deployed: Contracts):
    assert find_unread(B, deployed) == []


@pytest.mark.parametrize("views", [BEFORE, READS_1])
def test_release_b_is_refused_naming_stack_event_and_version(views: StackContracts):
    (line,) = find_unread(B, {"Boxes": PUBLISHES_1, "Views": views})

    assert line.startswith("Views as deployed reads BoxPacked 1, and Boxes would publish 2")


@pytest.mark.parametrize("views", [BEFORE, READS_1])
def test_release_a_is_deployed_over_the_one_before(views: StackContracts):
    assert find_unread(A, {"Boxes": BEFORE, "Views": views}) == []


def test_stack_that_would_not_read_what_is_published_is_named():
    (line,) = find_unread({"Boxes": PUBLISHES_1, "Views": READS_1}, B)

    assert line.startswith("Views would read BoxPacked 1 only, and Boxes as deployed publishes 2")


def test_synthesized_contracts_are_those_of_the_environment(tmp_path: Path):
    outputs = {"ContractsPublished": {"Value": json.dumps({"BoxPacked": 2})}}
    for env in ("Dev", "Prod"):
        path = tmp_path / f"Orders-{env}-Boxes.template.json"
        path.write_text(json.dumps({"Outputs": outputs}))

    assert read_synthesized(tmp_path, "dev") == {"Orders-Dev-Boxes": PUBLISHES_2}


def test_folder_without_templates_is_refused(tmp_path: Path):
    with pytest.raises(OperationError, match="run make synth"):
        read_synthesized(tmp_path, "dev")
