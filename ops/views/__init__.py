"""What the operator's command does with rebuilding a materialized view."""
