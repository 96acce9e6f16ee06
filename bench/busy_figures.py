"""The figures of `bench.busy`: what became of the orders that were sent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any

from bench.order_load import SentOrder
from lambdas.contracts.order_states import OrderState

SHARE = 0.9
"""The share of the accepted orders that have to end before the throughput is computed."""


def figures_of(
    sent: Sequence[SentOrder],
    rows: Mapping[str, Mapping[str, Any]],
    *,
    began: datetime,
    last: datetime,
) -> dict[str, Any]:
    """Return what became of the orders that were sent."""
    accepted = [rows.get(order.order_id) for order in sent if order.status == 202]
    ended = [row for row in accepted if row and row["state"] != OrderState.PLACED]
    times = sorted((datetime.fromisoformat(row["changed_at"]) - began).total_seconds()
                   for row in ended)  # fmt: skip
    count = Counter(int(at // 10) for at in times)
    most = times[: ceil(SHARE * len(times))] or [0.0]
    return {
        "sent": len(sent),
        "accepted": len(accepted),
        "refused": Counter(str(order.status) for order in sent if order.status != 202),
        "ended": Counter(row["state"] for row in ended),
        # There is stock for all, and no card is declined.
        "rejected": Counter(
            row.get("reason", "") for row in ended if row["state"] != OrderState.CONFIRMED
        ),
        "lost": len(accepted) - len(ended),
        "drained_seconds": round(times[-1] - (last - began).total_seconds(), 1) if times else None,
        "ended_in_each_10_s": [count[n] for n in range(1 + max(count, default=0))],
        "ended_per_second": round(len(most) / most[-1], 1) if times else 0.0,
    }


def render(runs: Mapping[str, Any]) -> str:
    """Return the figures as a table; the load is the machine's before and after."""
    lines = [
        "| scenario, saga | offered | sent | accepted | refused | unanswered | rejected | lost |"
        " most open | drained after | ended a second | unsaturated | load |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, run in runs.items():
        refused = {status: count for status, count in run["refused"].items() if status != "0"}
        cells = [
            name,
            *(f"{run[column]:,}" for column in ("offered", "sent", "accepted")),
            ", ".join(f"{count:,} with {status}" for status, count in refused.items()) or "0",
            f"{run['refused'].get('0', 0):,}",
            f"{sum(run['rejected'].values()):,}",
            f"{run['lost']:,}",
            f"{run['most_open']:,}",
            f"{run['drained_seconds']:,.0f} s",
            f"{run['ended_per_second']}",
            f"{run['unsaturated_per_second']}",
            " to ".join(map(str, run["load"])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
