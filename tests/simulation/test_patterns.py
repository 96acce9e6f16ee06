"""The event patterns that the templates use."""

import pytest

from simulation.patterns import matches

EVENT = {"source": "com.aws.orders", "detail-type": "OrderPlaced", "detail": {"state": "PLACED"}}


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ({"source": ["com.aws.orders"]}, True),
        ({"source": ["com.aws.payments"]}, False),
        ({"detail": {"state": ["PLACED", "CONFIRMED"]}}, True),
        ({"detail": {"reason": ["OutOfStock"]}}, False),
        ({"replay-name": [{"exists": False}]}, True),
        ({"source": [{"exists": False}]}, False),
        ({"source": [{"prefix": "com.aws."}]}, True),
        ({"$or": [{"source": ["x"]}, {"detail-type": ["OrderPlaced"]}]}, True),
    ],
)
def test_pattern_matches_as_on_aws(pattern: dict[str, object], matched: bool) -> None:
    assert matches(pattern, EVENT) is matched


def test_unknown_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        matches({"source": [{"wildcard": "com.*"}]}, EVENT)
