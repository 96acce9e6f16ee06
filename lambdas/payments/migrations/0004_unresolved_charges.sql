-- The charges that are not known to stay. Nearly always few, so whoever asks about the old ones
-- scans it: an index on charges would hold all of them for ever, for DSQL has no partial ones, and
-- an index on a time takes all writes in one place.
CREATE TABLE IF NOT EXISTS payments.unresolved_charges (
    order_id         text PRIMARY KEY,
    last_activity_at timestamptz NOT NULL DEFAULT now(),
    query_count      integer NOT NULL DEFAULT 0
)
