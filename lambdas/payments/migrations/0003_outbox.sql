-- The ledger's entries whose events are not published yet. An entry has one event.
-- The table is nearly always empty, so the sweeper scans it and needs no index. The key is a digest,
-- so writes spread over the whole key space.
CREATE TABLE IF NOT EXISTS payments.outbox (
    event_id    text PRIMARY KEY,
    order_id    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('CHARGE', 'REFUND')),
    recorded_at timestamptz NOT NULL DEFAULT now()
)
