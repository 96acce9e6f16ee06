"""An order as the record of a saga: the columns of its row, and its states."""

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders_table import OrderColumn
from stacks.constructs.saga.model import RecordColumns

COLUMNS = RecordColumns(
    key=OrderColumn.ORDER_ID,
    state=OrderColumn.STATE,
    sequence=OrderColumn.SEQUENCE,
    changed_at=OrderColumn.CHANGED_AT,
    reason=OrderColumn.REASON,
    explanation=OrderColumn.EXPLANATION,
    claim_owner=OrderColumn.CLAIM_OWNER,
    claim_until=OrderColumn.CLAIM_UNTIL,
    claimed_by=OrderColumn.CLAIMED_BY,
    cancel_requested_at=OrderColumn.CANCEL_REQUESTED_AT,
    failed_compensations=OrderColumn.FAILED_COMPENSATIONS,
    out_of_band_events=OrderColumn.OUT_OF_BAND_EVENTS,
    open_shard=OrderColumn.OPEN_SHARD,
    check_after=OrderColumn.CHECK_AFTER,
    closed_shard=OrderColumn.CLOSED_SHARD,
    dedup_bucket=OrderColumn.DEDUP_BUCKET,
    deferred_shard=OrderColumn.DEFERRED_SHARD,
    deferred_since=OrderColumn.DEFERRED_SINCE,
    deferred_step=OrderColumn.DEFERRED_STEP,
    deferred_error=OrderColumn.DEFERRED_ERROR,
    deferrals=OrderColumn.DEFERRALS,
    attention_requested_at=OrderColumn.ATTENTION_REQUESTED_AT,
)
FULFILMENT_STATES = {
    "initial": OrderState.PLACED,
    "completed": OrderState.CONFIRMED,
    "compensated": OrderState.REJECTED,
    "cancelled": OrderState.CANCELLED,
    "irreversible": OrderState.DISPATCHED,
}
WITHDRAWAL_STATES = {
    "initial": OrderState.WITHDRAWN,
    "compensated": OrderState.CANCELLED,
    "irreversible": OrderState.DISPATCHED,
}
