"""How many changes of one SKU a second the parts bear that take them one after another."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.costs import Templates
from bench.hot_sku_model import TRANSACTION
from bench.load_figures import FIFO_GROUP_MESSAGES, SUBSCRIBER_BATCH_SECONDS
from bench.template_limits import properties


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuLimit:
    """A part that takes the changes of a SKU in their order."""

    name: str
    changes: float
    """How many it takes in a second."""
    beyond: str
    """What happens beyond it."""


def sku_limits(templates: Templates) -> Iterator[SkuLimit]:
    """Yield the parts in the order in which a change passes them."""
    yield SkuLimit(
        name="its row, at 10 ms a transaction",
        changes=1 / TRANSACTION,
        beyond="transactions conflict: units move in batches (ADR 34), which are fewer changes",
    )
    yield SkuLimit(
        name="its message group in the FIFO topic",
        changes=FIFO_GROUP_MESSAGES,
        beyond="SNS throttles: the relay tries again, and changes of its stream's shard are late",
    )
    yield SkuLimit(
        name="its message group in a subscriber's queue: one batch at a time",
        changes=_batch_size(templates) / SUBSCRIBER_BATCH_SECONDS,
        beyond="the SKU's group is late, and no other is",
    )


def _batch_size(templates: Templates) -> int:
    """Return how many messages the subscriber with the smallest batches gets at once."""
    mappings = properties(templates, "AWS::Lambda::EventSourceMapping")
    return min(int(mapping["BatchSize"]) for mapping in mappings if "ScalingConfig" in mapping)
