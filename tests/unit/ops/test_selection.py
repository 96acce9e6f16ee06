"""A sink is found by its name, by its name without its service, or by a part that only it has."""

import pytest

from ops.deployed import OperationError
from ops.dlq.selection import find_sink
from tests.unit.ops.dead_letter_samples import sinks


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("orders/Repair", "orders/Repair"),
        ("repair", "orders/Repair"),
        # Other names end with it.
        ("ProjectionDeadLetters", "storefront/ProjectionDeadLetters"),
        ("SalesProjection", "storefront/SalesProjectionDeadLetters"),
    ],
)
def test_sink_is_found_by_its_name(name: str, found: str):
    assert find_sink(sinks(), name).name == found


def test_queue_is_found_by_its_name_in_sqs_which_notices_have():
    for each in sinks():
        assert find_sink(sinks(), each.resource.physical.rpartition("/")[2]) == each


def test_name_that_several_services_use_needs_the_service():
    with pytest.raises(OperationError, match="shipping/OutboxDeadLetters"):
        find_sink(sinks(), "OutboxDeadLetters")
