"""The properties of templates in the results of CloudFormation's drift detection.

AWS: drift detection answers, for each resource that it looked at, with the properties that the
template states.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDrift.html
MiniStack 1.5.33: does so for the types and properties that it can compare itself, which are few.
Here: every type and every property; a type that MiniStack cannot compare is NOT_CHECKED.
`emulator.template_check` compares each service's answers with these properties.
Can go: when MiniStack answers so for every type.
"""

import json
from typing import Any

from ministack.services.cloudformation import drift


def install() -> None:
    """Return each resource's properties as the template has them."""
    detect, compared = drift.detect_resource_drift, drift.supports_drift

    def detected(stack: Any, logical_id: str, record: Any, timestamp: str) -> dict[str, Any]:
        found = {
            "StackId": stack["StackId"],
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": record["PhysicalResourceId"],
            "ResourceType": record["ResourceType"],
            "Timestamp": timestamp,
            "StackResourceDriftStatus": "NOT_CHECKED",
        }
        if compared(record["ResourceType"]):
            found = detect(stack, logical_id, record, timestamp)
        return {**found, "ExpectedProperties": json.dumps(record["Properties"])}

    drift.detect_resource_drift = detected
    drift.supports_drift = lambda _type: True
