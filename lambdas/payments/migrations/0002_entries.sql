-- The ledger. A row has both sides of an entry, so debits always equal credits.
-- The key allows one charge and one refund per order.
CREATE TABLE IF NOT EXISTS payments.entries (
    order_id    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('CHARGE', 'REFUND')),
    debit       text NOT NULL,
    credit      text NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    currency    text NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, kind),
    CHECK (debit <> credit)
)
