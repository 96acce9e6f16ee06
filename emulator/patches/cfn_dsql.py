"""CloudFormation's `AWS::DSQL::Cluster`.

AWS: a cluster is a resource of a stack; Ref gives its identifier, GetAtt among others its
Endpoint and ResourceArn; deletion protection makes a deletion fail.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dsql-cluster.html
MiniStack 1.5.33: clusters exist by API, but a template with a cluster is refused.
Can go: when MiniStack registers the type.

The endpoint is localhost:<port>, where `emulator.dsql` listens.
"""

import json
from typing import Any

from ministack.services import dsql
from ministack.services.cloudformation import stacks

from emulator.patches._cloudformation import Properties, Resource, add_type, call
from emulator.polling import poll

_TYPE = "AWS::DSQL::Cluster"
_READY_SECONDS = 30


def install() -> None:
    """Register the resource type."""
    add_type(_TYPE, create=_create, update=_update, delete=_delete)
    blocks = stacks._runs_on_worker_thread
    # Starting a database takes a second, for which the server's event loop must not wait.
    stacks._runs_on_worker_thread = lambda name: name == _TYPE or blocks(name)


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> Resource:
    request: dict[str, Any] = _settings(properties)
    if "PolicyDocument" in properties:
        policy = properties["PolicyDocument"]
        request["policy"] = policy if isinstance(policy, str) else json.dumps(policy)
    request["tags"] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    identifier = call(dsql._create_cluster(request))["identifier"]
    poll(
        lambda: call(dsql._get_cluster(identifier))["status"] != "CREATING", seconds=_READY_SECONDS
    )
    cluster = call(dsql._get_cluster(identifier))
    if cluster["status"] != "ACTIVE":
        why = dsql._clusters[identifier].get("startFailure", "it takes too long to start")
        raise ValueError(f"DSQL cluster {identifier} is {cluster['status']}, not ACTIVE: {why}")
    return identifier, _attributes(cluster)


def _update(identifier: str, _old: Properties, new: Properties, _stack_name: str) -> Resource:
    call(dsql._update_cluster(identifier, _settings(new)))
    return identifier, _attributes(call(dsql._get_cluster(identifier)))


def _delete(identifier: str, _properties: Properties) -> None:
    call(dsql._delete_cluster(identifier, {}))


def _settings(properties: Properties) -> dict[str, Any]:
    protected = properties.get("DeletionProtectionEnabled", True)
    settings: dict[str, Any] = {"deletionProtectionEnabled": protected}
    if "KmsEncryptionKey" in properties:
        settings["kmsEncryptionKey"] = properties["KmsEncryptionKey"]
    return settings


def _attributes(cluster: dict[str, Any]) -> dict[str, Any]:
    return {
        "Identifier": cluster["identifier"],
        "ResourceArn": cluster["arn"],
        "Endpoint": cluster["endpoint"],
        "Status": cluster["status"],
        "CreationTime": str(cluster["creationTime"]),
    }
