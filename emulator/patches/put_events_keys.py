"""The condition keys `events:source` and `events:detail-type` of PutEvents.

AWS: a policy may allow PutEvents for events of a certain source and of certain types only.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
MiniStack 1.5.33: the keys are never supplied, so a policy with a source allows nothing, and one
with types allows all.
Can go: when MiniStack supplies the keys.
"""

import json
from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Add sources and types of a PutEvents request to the context in which policies are evaluated.

    If the entries have several sources, none is added, so no policy can allow the request by
    source.
    """
    tag_context = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, *rest: Any) -> dict[str, Any]:
        keys: dict[str, Any] = tag_context(service, action, body, *rest)
        if action != "events:PutEvents":
            return keys
        entries = json.loads(body).get("Entries", [])
        sources = sorted({str(entry.get("Source", "")) for entry in entries})
        types = sorted({str(entry.get("DetailType", "")) for entry in entries})
        return {**keys, "events:source": " and ".join(sources), "events:detail-type": types}

    iam_actions.request_tag_context = context
