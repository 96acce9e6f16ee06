"""Events of a SaaS partner.

AWS: the partner puts them, and they arrive on the bus that matches their source.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEvents.html
MiniStack 1.5.33: it accepts them and drops them.
Can go: when a rule on a partner's bus receives what was put.

Here the account itself may act as the partner.
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import json_response
from ministack.services import eventbridge

from emulator.patches._seams import seam


def install() -> None:
    """Put each entry on the bus that has its source as its name."""
    seam(eventbridge, "_put_partner_events", "data")
    put_events = seam(eventbridge, "_put_events", "data", "allow_aws_source")

    def put(entry: Mapping[str, Any]) -> Any:
        on_its_bus = {**entry, "EventBusName": entry["Source"]}
        _status, _headers, body = put_events({"Entries": [on_its_bus]}, allow_aws_source=True)
        return json.loads(body)["Entries"][0]

    def put_all(data: Mapping[str, Any]) -> Any:
        answers = [put(entry) for entry in data["Entries"]]
        failed = sum("ErrorCode" in answer for answer in answers)
        return json_response({"FailedEntryCount": failed, "Entries": answers})

    eventbridge._put_partner_events = put_all
