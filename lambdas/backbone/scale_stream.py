"""On schedule: scale the shards of the order stream."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.backbone.domain import Limits, decide, describe_decision
from lambdas.backbone.stream import OrderStream
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting, whole_number

stream = OrderStream(
    setting("ORDER_STREAM"), kinesis=client("kinesis"), cloudwatch=client("cloudwatch")
)
LIMITS = Limits(
    floor=whole_number("FLOOR"),
    ceiling=whole_number("CEILING"),
    cooldown=timedelta(seconds=whole_number("COOLDOWN_SECONDS")),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Decide on the number of shards, log the reason, request a change if one is needed.

    Return the decision.
    """
    now = datetime.now(UTC)
    state = stream.observe(now=now, window=LIMITS.cooldown)
    decision = decide(state, LIMITS, now=now)
    log("shard_count_decided", **describe_decision(state, LIMITS, decision, now))
    if decision.shards == state.shards:
        return {"shards": state.shards, "changed": False}
    changed = stream.reshard(state, shards=decision.shards, now=now)
    if not changed:
        log("reshard_already_running", to=decision.shards)
    return {"shards": decision.shards, "changed": changed}
