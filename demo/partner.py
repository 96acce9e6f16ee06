"""The card company as a SaaS partner.

In the local cloud, the account itself acts as the partner.
"""

import json
from typing import Any

from emulator.cloud import Cloud
from lambdas.contracts.partner import DISPUTE_OPENED


def publish_dispute(cloud: Cloud, bus: str, **detail: Any) -> None:
    """Put a dispute on the partner's bus `bus`, whose name is also the event source.

    `detail` has the fields of `DisputeOpened`.
    """
    answer = cloud.client("events").put_partner_events(
        Entries=[
            {"Source": bus, "DetailType": DISPUTE_OPENED, "Detail": json.dumps(detail)},
        ]
    )
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the partner's bus refused the event: {answer['Entries']}")
