"""The columns and indexes of the orders table that both the stack and the service use."""

from enum import StrEnum


class OrderColumn(StrEnum):
    """The columns of an order's row that the stack uses: index keys, and columns that sagas write.

    ``lambdas.orders.domain.Order`` describes each of them.
    """

    ORDER_ID = "order_id"
    STATE = "state"
    SEQUENCE = "sequence"
    CHANGED_AT = "changed_at"
    REASON = "reason"
    EXPLANATION = "explanation"
    CLAIM_OWNER = "claim_owner"
    CLAIM_UNTIL = "claim_until"
    CLAIMED_BY = "claimed_by"
    CANCEL_REQUESTED_AT = "cancel_requested_at"
    OPEN_SHARD = "open_shard"
    CHECK_AFTER = "check_after"
    CLOSED_SHARD = "closed_shard"
    DEFERRED_SHARD = "deferred_shard"
    DEFERRED_SINCE = "deferred_since"
    DEFERRED_STEP = "deferred_step"
    DEFERRED_ERROR = "deferred_error"
    DEFERRALS = "deferrals"
    ATTENTION_REQUESTED_AT = "attention_requested_at"
    DEDUP_BUCKET = "dedup_bucket"
    DEDUP_KEY = "dedup_key"
    FAILED_COMPENSATIONS = "failed_compensations"
    OUT_OF_BAND_EVENTS = "out_of_band_events"


ORDER_INDEXES = (
    (OrderColumn.OPEN_SHARD, OrderColumn.CHECK_AFTER),
    (OrderColumn.CLOSED_SHARD, OrderColumn.CHANGED_AT),
    (OrderColumn.DEDUP_BUCKET, OrderColumn.DEDUP_KEY),
    (OrderColumn.DEFERRED_SHARD, OrderColumn.DEFERRED_SINCE),
)
"""The sparse indexes of the table, each named after its partition key: (partition key, sort key).

In turn: orders to be looked at again, orders that are closed, orders by what makes them alike,
orders that are deferred.
"""
CONFIRMED_SHARD = "confirmed-"
"""The prefix of the shards of confirmed orders, in the index of orders to check.

It separates them from open orders, so that these can be counted.
"""
EXPIRED_AT = "expired_at"
"""The column that only the tombstone of an expired order has, besides ``order_id``: when it was."""
