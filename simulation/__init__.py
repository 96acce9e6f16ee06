"""The platform in one process, under virtual time, with all chance from one seed.

The synthesized templates define how the parts are connected. The handlers, the workers' handlers
and the state machines are the real ones, and so are DynamoDB's conditions and transactions
(MiniStack's) and the ledger's SQL (PostgreSQL's). Chance decides the rest, within what AWS allows:
delays, duplicates, order, failures before and after an effect, lost answers, throttles, and
processes that die. The same seed gives the same run. `docs/reliability.md` says what was found with
it.
"""
