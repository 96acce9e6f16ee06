-- The charges that are not known to be kept. They are few, so the query for stale ones scans the
-- table. An index on charges would hold all charges for ever, because DSQL has no partial indexes.
-- An index on a time takes all writes in one place.
CREATE TABLE IF NOT EXISTS payments.unresolved_charges (
    order_id         text PRIMARY KEY,
    last_activity_at timestamptz NOT NULL DEFAULT now(),
    query_count      integer NOT NULL DEFAULT 0
)
