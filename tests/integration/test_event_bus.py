"""A bus takes events from the sources that a role may name, and an archive is kept as declared."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.cloud import Cloud
from tests.support.small_stacks import Deploy, acting, client, get, ref, role


def conditioned(conditions: dict[str, Any]) -> Any:
    """Return a role that anybody may assume, and that may put events on these conditions."""
    publisher = json.loads(json.dumps(role("events:PutEvents")))
    properties = publisher["Properties"]
    (statement,) = properties["Policies"][0]["PolicyDocument"]["Statement"]
    statement["Condition"] = conditions
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"AWS": "*"}
    return publisher


@pytest.mark.parametrize("operator", ["StringEquals", "StringEqualsIfExists"])
def test_policy_on_the_source_allows_only_that_source(
    cloud: Cloud, deploy: Deploy, operator: str
) -> None:
    publisher = conditioned({operator: {"events:source": "com.aws.orders"}})
    stack = deploy({"Publisher": publisher}, Role=get("Publisher"))
    events = acting(cloud, stack.outputs["Role"], "events")

    def put_events(*sources: str) -> None:
        events.put_events(
            Entries=[{"Source": s, "DetailType": "Probe", "Detail": "{}"} for s in sources]
        )

    put_events("com.aws.orders", "com.aws.orders")
    for refused in (["com.aws.payments"], ["com.aws.orders", "com.aws.payments"]):
        with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
            put_events(*refused)


def test_policy_on_the_types_allows_only_these_types(cloud: Cloud, deploy: Deploy) -> None:
    allowed = {"ForAllValues:StringEquals": {"events:detail-type": ["Placed", "Confirmed"]}}
    stack = deploy({"Publisher": conditioned(allowed)}, Role=get("Publisher"))
    events = acting(cloud, stack.outputs["Role"], "events")

    def put_events(*types: str) -> None:
        events.put_events(Entries=[{"Source": "s", "DetailType": t, "Detail": "{}"} for t in types])

    put_events("Placed", "Confirmed", "Placed")
    for refused in (["Cancelled"], ["Placed", "Cancelled"]):
        with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
            put_events(*refused)


def test_archive_is_created_by_cloudformation(cloud: Cloud, deploy: Deploy) -> None:
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "archived"}}
    pattern = {"source": ["com.aws.orders"]}
    archive = {
        "Type": "AWS::Events::Archive",
        "Properties": {"SourceArn": get("Bus"), "RetentionDays": 3, "EventPattern": pattern},
    }
    stack = deploy({"Bus": bus, "Archive": archive}, Name=ref("Archive"), Arn=get("Archive"))
    name = stack.outputs["Name"]
    found = client(cloud, "events").describe_archive(ArchiveName=name)
    assert (found["RetentionDays"], json.loads(found["EventPattern"])) == (3, pattern)
    assert found["ArchiveArn"] == stack.outputs["Arn"]
