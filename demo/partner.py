"""The card company as a SaaS partner, which on a laptop is whoever may."""

import json
from typing import Any

from demo.deployment import PARTNER_SOURCE
from emulator.cloud import Cloud
from lambdas.contracts.partner import DISPUTE_OPENED


def publish_dispute(cloud: Cloud, **detail: Any) -> None:
    """Tell of a dispute, as the partner does; ``detail`` should be a ``DisputeOpened``."""
    answer = cloud.client("events").put_partner_events(
        Entries=[
            {"Source": PARTNER_SOURCE, "DetailType": DISPUTE_OPENED, "Detail": json.dumps(detail)},
        ]
    )
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the partner's bus does not take it: {answer['Entries']}")
