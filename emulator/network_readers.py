"""Readers of EC2's network resources and of Auto Scaling groups."""

from emulator.readers import Properties, Query, Read, find_one


def read_auto_scaling_group(query: Query, name: str, _expected: Properties) -> Properties:
    """Read a group. Its API returns the subnets as one text, separated by commas."""
    listed = query("autoscaling", "describe_auto_scaling_groups")["AutoScalingGroups"]
    group = find_one(listed, "AutoScalingGroupName", name)
    return {**group, "VPCZoneIdentifier": group["VPCZoneIdentifier"].split(",")}


def read_lifecycle_hook(query: Query, name: str, expected: Properties) -> Properties:
    """Read a lifecycle hook of a group."""
    group = {"AutoScalingGroupName": expected["AutoScalingGroupName"]}
    hooks = query("autoscaling", "describe_lifecycle_hooks", **group)["LifecycleHooks"]
    return find_one(hooks, "LifecycleHookName", name)


def tagged(operation: str, by: str, inside: str) -> Read:
    """Return a reader that finds the resource in a list of EC2's API.

    Of its tags, it returns those that the template has: CloudFormation adds tags of its own.
    """

    def read(query: Query, physical_id: str, _expected: Properties) -> Properties:
        found = find_one(query("ec2", operation)[inside], by, physical_id)
        given = [tag for tag in found["Tags"] if not tag["Key"].startswith("aws:")]
        return {**found, "Tags": given}

    return read


_vpc = tagged("describe_vpcs", "VpcId", "Vpcs")
_group = tagged("describe_security_groups", "GroupId", "SecurityGroups")


def read_network(query: Query, vpc: str, expected: Properties) -> Properties:
    """Read a VPC with its two DNS attributes."""
    attributes = {}
    for name in ("EnableDnsHostnames", "EnableDnsSupport"):
        spelled = name[:1].lower() + name[1:]
        answer = query("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=spelled)
        attributes[name] = answer[name]["Value"]
    return {**_vpc(query, vpc, expected), **attributes}


def _route_table(query: Query, expected: Properties) -> Properties:
    tables = query("ec2", "describe_route_tables")["RouteTables"]
    return find_one(tables, "RouteTableId", expected["RouteTableId"])


def read_route(query: Query, _id: str, expected: Properties) -> Properties:
    """Read a route of a route table, by its destination."""
    table = _route_table(query, expected)
    to = "DestinationCidrBlock"
    return {**find_one(table["Routes"], to, expected[to]), "RouteTableId": table["RouteTableId"]}


def read_route_table_of_subnet(query: Query, association: str, expected: Properties) -> Properties:
    """Read the association of a route table with a subnet."""
    associations = _route_table(query, expected)["Associations"]
    return find_one(associations, "RouteTableAssociationId", association)


def read_gateway_attachment(query: Query, _id: str, expected: Properties) -> Properties:
    """Read the attachment of an internet gateway to a VPC."""
    gateways, wanted = query("ec2", "describe_internet_gateways"), expected["InternetGatewayId"]
    gateway = find_one(gateways["InternetGateways"], "InternetGatewayId", wanted)
    return {
        **find_one(gateway["Attachments"], "VpcId", expected["VpcId"]),
        "InternetGatewayId": wanted,
    }


def read_security_group(query: Query, group_id: str, expected: Properties) -> Properties:
    """Read a security group. Each address range of a permission becomes a rule."""
    group = _group(query, group_id, expected)
    egress = [
        {**permission, **to}
        for permission in group["IpPermissionsEgress"]
        for to in permission["IpRanges"]
    ]
    return {**group, "GroupDescription": group["Description"], "SecurityGroupEgress": egress}


def read_launch_template(query: Query, template: str, _expected: Properties) -> Properties:
    """Read the latest version of a launch template, with the template's tags."""
    listed = query("ec2", "describe_launch_templates")["LaunchTemplates"]
    tags = find_one(listed, "LaunchTemplateId", template)["Tags"]
    (latest,) = query(
        "ec2", "describe_launch_template_versions", LaunchTemplateId=template, Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    return {**latest, "TagSpecifications": [{"ResourceType": "launch-template", "Tags": tags}]}
