-- The payment of each order. Every change is conditional on the state of this row.
-- A REFUNDED row without an amount is a tombstone.
CREATE TABLE IF NOT EXISTS payments.charges (
    order_id    text PRIMARY KEY,
    customer_id text NOT NULL,
    amount      bigint CHECK (amount > 0),
    currency    text,
    state       text NOT NULL CHECK (state IN ('PENDING', 'TAKEN', 'DECLINED', 'REFUNDED')),
    explanation text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((amount IS NULL) = (currency IS NULL)),
    CHECK (amount IS NOT NULL OR state = 'REFUNDED')
)
