"""The card company as a SaaS partner. The local cloud lets the account itself play the partner."""

import json
from typing import Any

from demo.deployment import PARTNER_SOURCE
from emulator.cloud import Cloud
from lambdas.contracts.partner import DISPUTE_OPENED


def publish_dispute(cloud: Cloud, **detail: Any) -> None:
    """Put a dispute on the partner's bus; `detail` has the fields of `DisputeOpened`."""
    answer = cloud.client("events").put_partner_events(
        Entries=[
            {"Source": PARTNER_SOURCE, "DetailType": DISPUTE_OPENED, "Detail": json.dumps(detail)},
        ]
    )
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the partner's bus refused the event: {answer['Entries']}")
