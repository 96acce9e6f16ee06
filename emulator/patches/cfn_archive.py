"""CloudFormation's `AWS::Events::Archive`.

AWS: an archive is a resource of a stack; Ref gives its name, GetAtt its Arn.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-archive.html
MiniStack 1.5.33: archives and replays work by API, but a template with an archive is refused.
Can go: when MiniStack registers the type.
"""

import json
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation.provisioners import _physical_name

from emulator.patches._cloudformation import Properties, Resource, add_type, call, present


def install() -> None:
    """Register the resource type."""
    add_type(
        "AWS::Events::Archive",
        create=_create,
        update=_update,
        delete=_delete,
        replacing=("ArchiveName", "SourceArn"),
    )


def _create(logical_id: str, properties: Properties, stack_name: str) -> Resource:
    name = properties.get("ArchiveName") or _physical_name(stack_name, logical_id, max_len=48)
    source = properties["SourceArn"]
    answer = call(
        eventbridge._create_archive(
            {"ArchiveName": name, "EventSourceArn": source, **_settings(properties)}
        )
    )
    return name, {"Arn": answer["ArchiveArn"]}


def _update(physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> Resource:
    answer = call(eventbridge._update_archive({"ArchiveName": physical_id, **_settings(new)}))
    return physical_id, {"Arn": answer["ArchiveArn"]}


def _delete(physical_id: str, _properties: Properties) -> None:
    call(eventbridge._delete_archive({"ArchiveName": physical_id}))


def _settings(properties: Properties) -> dict[str, Any]:
    settings = present(properties, "Description", "KmsKeyIdentifier")
    settings["RetentionDays"] = int(properties.get("RetentionDays", 0))
    pattern = properties.get("EventPattern", "")
    settings["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
    return settings
