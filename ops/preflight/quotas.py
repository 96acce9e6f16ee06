"""Checks of quotas: what the account may use, and what the templates need."""

from collections.abc import Iterator

from ops.preflight.account import FUNCTION, instance_types
from ops.preflight.findings import Finding, Preflight, fine, note, stop

UNRESERVED = 100
"""The concurrency that Lambda keeps for functions without a reservation.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""
STANDARD_VCPUS = "L-1216C47A"
"""EC2's quota of running On-Demand Standard instances, which T instances belong to, in vCPUs.
https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""
STANDARD_FAMILIES = frozenset("acdhimrtz")
"""The first letters of the instance types that share this quota; Spot Instances have another."""
OF_GROUP = "aws:autoscaling:groupName"
"""The tag that Auto Scaling gives its instances."""
DSQL_CLUSTERS = 20
"""The default quota of clusters in a Region: https://docs.aws.amazon.com/general/latest/gr/dsql.html"""
GROUP, CLUSTER = "AWS::AutoScaling::AutoScalingGroup", "AWS::DSQL::Cluster"
RAISE = "ask Service Quotas for more"


def check_concurrency(preflight: Preflight) -> Iterator[Finding]:
    """Lambda's concurrency: what is reserved, and what is left for all other functions."""
    limit = preflight.client("lambda").get_account_settings()["AccountLimit"]
    total, unreserved = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    there = sum(
        int(function.properties.get("ReservedConcurrentExecutions", 0))
        for function in preflight.there.resources(FUNCTION)
    )
    wanted = sum(
        int(properties.get("ReservedConcurrentExecutions", 0))
        for properties in preflight.properties(FUNCTION)
    )
    if wanted - there > 0 and unreserved - (wanted - there) < UNRESERVED:
        yield stop(
            f"Lambda's concurrency is {total}, {unreserved} of it unreserved; {wanted - there} "
            f"more would be reserved, and {UNRESERVED} must stay: {RAISE}, or set "
            "notification_concurrency"
        )
    elif total < UNRESERVED:
        yield note(f"Lambda's concurrency is {total}: functions will be throttled; {RAISE}")
    else:
        yield fine(f"Lambda's concurrency is {total}; {wanted} of it is reserved here")


def check_instances(preflight: Preflight) -> Iterator[Finding]:
    """EC2's quota of vCPUs, for all instances of the account."""
    types = sorted(instance_types(preflight))
    groups = list(preflight.properties(GROUP))
    if not types or not groups:
        return
    ec2 = preflight.client("ec2")
    described = ec2.describe_instance_types(InstanceTypes=types)
    each = max(found["VCpuInfo"]["DefaultVCpus"] for found in described["InstanceTypes"])
    # A rolling update launches an instance before it ends one.
    least = each * (sum(int(group["MinSize"]) for group in groups) + 1)
    most = each * (sum(int(group["MaxSize"]) for group in groups) + 1)
    others = _vcpus_of_others(preflight, {str(group["AutoScalingGroupName"]) for group in groups})
    quota = preflight.client("service-quotas").get_service_quota(
        ServiceCode="ec2", QuotaCode=STANDARD_VCPUS
    )["Quota"]["Value"]
    use = f"EC2's quota is {quota:g} vCPUs; other instances of the account use {others}"
    if quota < others + least:
        yield stop(
            f"{use}, and the workers need {least} while an update replaces them: {RAISE}, "
            "choose fewer workers, or end what else runs"
        )
    elif quota < others + most:
        yield note(f"{use}, and the workers may need {most} under load: {RAISE}")
    else:
        yield fine(f"{use}, and the workers at most {most}")


def _vcpus_of_others(preflight: Preflight, groups: set[str]) -> int:
    """Return the vCPUs that count against the quota and are not those of these groups."""
    pages = (
        preflight.client("ec2")
        .get_paginator("describe_instances")
        .paginate(Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}])
    )
    instances = (
        instance
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    )
    return sum(
        int(cpu["CoreCount"]) * int(cpu["ThreadsPerCore"])
        for instance in instances
        if instance["InstanceType"][0] in STANDARD_FAMILIES
        and instance.get("InstanceLifecycle") != "spot"
        and not groups
        & {tag["Value"] for tag in instance.get("Tags", []) if tag["Key"] == OF_GROUP}
        and (cpu := instance.get("CpuOptions"))
    )


def check_stack_quota(preflight: Preflight) -> Iterator[Finding]:
    """CloudFormation's quota of stacks."""
    client = preflight.client("cloudformation")
    limits = {
        limit["Name"]: limit["Value"] for limit in client.describe_account_limits()["AccountLimits"]
    }
    pages = client.get_paginator("describe_stacks").paginate()
    number = sum(len(page["Stacks"]) for page in pages)
    new, quota = len(preflight.new_stacks), limits["StackLimit"]
    if number + new > quota:
        yield stop(f"{number} of {quota} stacks are in use, and {new} are needed: {RAISE}")
    else:
        yield fine(f"{number} of {quota} stacks are in use, {new} will be added")


def check_clusters(preflight: Preflight) -> Iterator[Finding]:
    """Aurora DSQL's quota of clusters."""
    pages = preflight.client("dsql").get_paginator("list_clusters").paginate()
    number = sum(len(page["clusters"]) for page in pages)
    wanted = len(list(preflight.properties(CLUSTER)))
    new = max(wanted - len(list(preflight.there.resources(CLUSTER))), 0)
    if number + new > DSQL_CLUSTERS:
        yield note(
            f"{number} clusters of Aurora DSQL are in use, {new} are needed, and the quota is "
            f"{DSQL_CLUSTERS} unless it was raised"
        )
    else:
        yield fine(f"{number} clusters of Aurora DSQL are in use, {new} will be added")
