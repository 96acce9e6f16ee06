"""The condition key `events:source` of PutEvents.

AWS: a policy may allow PutEvents for events of a certain source only.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
MiniStack 1.5.33: the key is never supplied, so such a policy allows nothing.
Can go: when MiniStack supplies the key.
"""

import json
from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Add the sources of a PutEvents request to the context in which policies are evaluated.

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
        return {**keys, "events:source": " and ".join(sources)}

    iam_actions.request_tag_context = context
