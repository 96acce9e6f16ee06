-- The ledger's entries that the event bus has not taken yet. Each makes one event.
-- Nearly always empty, so the sweeper scans it and needs no index. The key is a digest: writes
-- spread over all of the key space.
CREATE TABLE IF NOT EXISTS payments.outbox (
    event_id    text PRIMARY KEY,
    order_id    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('CHARGE', 'REFUND')),
    recorded_at timestamptz NOT NULL DEFAULT now()
)
