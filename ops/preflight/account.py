"""Checks of the account and the Region: what they offer, and which names are taken."""

import json
from collections.abc import Iterator

from botocore.exceptions import ClientError, EndpointConnectionError

from ops.deployed import UNMADE
from ops.preflight.findings import Finding, Preflight, fine, note, stop

FUNCTION, LAUNCH_TEMPLATE = "AWS::Lambda::Function", "AWS::EC2::LaunchTemplate"
SUBNET = "AWS::EC2::Subnet"
BUS, LOG_GROUP = "AWS::Events::EventBus", "AWS::Logs::LogGroup"
DSQL_REGIONS = "https://docs.aws.amazon.com/general/latest/gr/dsql.html"
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
BROKEN = {
    "UPDATE_ROLLBACK_FAILED": "continue-update-rollback",
    "UPDATE_FAILED": "rollback-stack",
    "CREATE_FAILED": "rollback-stack",
    "ROLLBACK_FAILED": "delete-stack",
    "DELETE_FAILED": "delete-stack",
}
"""States of a stack that cannot be updated, and what of `aws cloudformation` ends each.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
"""


def check_bootstrap(preflight: Preflight) -> Iterator[Finding]:
    """CDK's bootstrap stack, and its version.

    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
    """
    wanted = _bootstrap_version(preflight)
    command = f"run npx cdk bootstrap aws://{preflight.account}/{preflight.region}"
    answer = preflight.client("ssm").get_parameters(Names=[BOOTSTRAP_PARAMETER])
    if not answer["Parameters"]:
        yield stop(f"the account is not bootstrapped in {preflight.region}: {command}")
        return
    version = int(answer["Parameters"][0]["Value"])
    if version < wanted:
        yield stop(
            f"CDK's bootstrap stack has version {version}, and {wanted} is needed: {command}"
        )
    else:
        yield fine(f"CDK's bootstrap stack has version {version}")


def _bootstrap_version(preflight: Preflight) -> int:
    artifacts = json.loads((preflight.assembly / "manifest.json").read_text())["artifacts"]
    versions = (
        artifact.get("properties", {}).get("requiresBootstrapStackVersion", 0)
        for name, artifact in artifacts.items()
        if name in preflight.wanted
    )
    return max(versions, default=0)


def check_region(preflight: Preflight) -> Iterator[Finding]:
    """What the Region offers: Aurora DSQL, the runtime and processor of functions and instances.

    Whether it offers DSQL, DSQL's own API is asked: a list of Regions would be out of date.
    """
    try:
        preflight.client("dsql").list_clusters(maxResults=1)
    except EndpointConnectionError:
        yield stop(
            f"Aurora DSQL is not offered in {preflight.region}: {DSQL_REGIONS} has its Regions"
        )
    else:
        yield fine(f"Aurora DSQL is offered in {preflight.region}")
    yield from _check_runtimes(preflight)
    yield from _check_instance_types(preflight)


def _check_runtimes(preflight: Preflight) -> Iterator[Finding]:
    pairs = {
        (function["Runtime"], function.get("Architectures", ["x86_64"])[0])
        for function in preflight.properties(FUNCTION)
        if "Runtime" in function
    }
    for runtime, architecture in sorted(pairs):
        try:
            # EC2 refuses an unknown value of either.
            preflight.client("lambda").list_layers(
                CompatibleRuntime=runtime, CompatibleArchitecture=architecture, MaxItems=1
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in (
                "ValidationException",
                "InvalidParameterValueException",
            ):
                raise
            yield stop(f"Lambda has no {runtime} on {architecture} in {preflight.region}")
        else:
            yield fine(f"Lambda has {runtime} on {architecture}")


def _check_instance_types(preflight: Preflight) -> Iterator[Finding]:
    """Where instances are launched, and whether their type is there: few Zones lack one.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-discovery.html
    """
    for type in sorted(instance_types(preflight)):
        offers = preflight.client("ec2").describe_instance_type_offerings(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": [type]}],
        )["InstanceTypeOfferings"]
        offered = {offer["Location"] for offer in offers}
        zones = _zones(preflight) if offered else []
        without = [zone for zone in zones if zone not in offered]
        if not offered:
            yield stop(f"EC2 has no {type} in {preflight.region}: choose another instance type")
        elif without and len(without) == len(zones):
            yield stop(f"EC2 has no {type} in {' and '.join(without)}, where the subnets would be")
        elif without:
            yield note(f"EC2 has no {type} in {without[0]}: all instances are in the other Zone")
        else:
            yield fine(f"EC2 has {type}")


def _zones(preflight: Preflight) -> list[str]:
    """Return the Zones of the templates' subnets, as ``Fn::GetAZs`` gives them.

    Those are the Zones with a default subnet, or all if none has one.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html
    """
    ec2 = preflight.client("ec2")
    is_default = [{"Name": "default-for-az", "Values": ["true"]}]
    found = {
        each["AvailabilityZone"] for each in ec2.describe_subnets(Filters=is_default)["Subnets"]
    }
    if not found:
        described = ec2.describe_availability_zones()["AvailabilityZones"]
        found = {each["ZoneName"] for each in described}
    listed = sorted(found)
    places = {
        subnet["AvailabilityZone"]["Fn::Select"][0] for subnet in preflight.properties(SUBNET)
    }
    return [listed[place] for place in sorted(places) if place < len(listed)]


def instance_types(preflight: Preflight) -> set[str]:
    """Return the types of the instances that the templates launch."""
    return {
        template["LaunchTemplateData"]["InstanceType"]
        for template in preflight.properties(LAUNCH_TEMPLATE)
    }


def check_names(preflight: Preflight) -> Iterator[Finding]:
    """Names that new stacks need and that are taken, as by what an earlier environment kept."""
    new = {stack: preflight.wanted[stack] for stack in preflight.new_stacks}
    taken = []
    for stack, template in sorted(new.items()):
        for declaration in template["Resources"].values():
            properties = declaration.get("Properties", {})
            name = properties.get("Name" if declaration["Type"] == BUS else "LogGroupName")
            if isinstance(name, str) and _is_taken(preflight, declaration["Type"], name):
                taken.append(f"{name} (for {stack})")
    if taken:
        yield stop(
            f"these names are taken: {', '.join(taken)}; delete what has them, or take over a bus "
            "and an archive that an earlier environment kept: make deploy IMPORT=1"
        )
    else:
        yield fine("no name that is needed is taken")


def _is_taken(preflight: Preflight, kind: str, name: str) -> bool:
    if kind == BUS and not name.startswith("aws.partner/"):
        buses = preflight.client("events").list_event_buses(NamePrefix=name)["EventBuses"]
        return any(bus["Name"] == name for bus in buses)
    if kind == LOG_GROUP:
        answer = preflight.client("logs").describe_log_groups(logGroupNamePrefix=name)
        return any(group["logGroupName"] == name for group in answer["logGroups"])
    return False


def check_stacks(preflight: Preflight) -> Iterator[Finding]:
    """The states of the deployed stacks: some cannot be updated."""
    pages = preflight.client("cloudformation").get_paginator("describe_stacks").paginate()
    states = {
        stack["StackName"]: stack["StackStatus"]
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"] in {*preflight.wanted, *preflight.there.by_stack}
        and stack["StackStatus"] not in UNMADE
    }
    bad = {
        name: state
        for name, state in sorted(states.items())
        if state in BROKEN or state.endswith("_IN_PROGRESS")
    }
    for name, state in bad.items():
        if state in BROKEN:
            command = f"aws cloudformation {BROKEN[state]} --stack-name {name}"
            yield stop(f"{name} is in {state}: mend what its events name, then run {command}")
        else:
            yield note(f"{name} is in {state}: somebody deploys it just now")
    if not bad:
        yield fine(f"{len(states)} stacks are deployed, {len(preflight.new_stacks)} are new")
