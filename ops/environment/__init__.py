"""An environment as a whole: what is synthesized, what is deployed, and what stays of it."""
