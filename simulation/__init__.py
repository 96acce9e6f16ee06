"""The platform in one process, under virtual time and one seed.

The synthesized templates say what is wired to what. The handlers, the workers' handlers and the
state machines are the real ones, and so are DynamoDB's conditions and transactions (MiniStack's)
and the ledger's SQL (PostgreSQL's). Chance decides the rest, as AWS may: delays, duplicates, order,
failures before and after an effect, lost answers, throttles, and processes that die. A run is its
seed: the same seed is the same run. `docs/reliability.md` says what was found with it.
"""
