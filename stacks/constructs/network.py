"""A network from which workers reach AWS, and in which nobody reaches them."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.constructs.nag import acknowledge


class Network(ec2.Vpc):
    """Two zones, each with a subnet that has a way out; what is in it may call out by TLS only.

    Without NAT and without interface endpoints: ``docs/adr`` compares the prices. DynamoDB and S3,
    where most of the traffic goes, are reached through gateway endpoints, which cost nothing.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(
            scope,
            id,
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Workers", subnet_type=ec2.SubnetType.PUBLIC)
            ],
            gateway_endpoints={
                "Tables": ec2.GatewayVpcEndpointOptions(
                    service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
                ),
                "Files": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
            # It would take a function of the CDK's own; nothing is ever in that group.
            restrict_default_security_group=False,
        )
        acknowledge(
            self,
            "AwsSolutions-VPC7",
            reason="nothing is let in, and all that goes out goes to AWS by TLS: flow logs would"
            " cost more than they could tell",
        )
        self.security_group = ec2.SecurityGroup(
            self,
            "OutOnly",
            vpc=self,
            description="Out by TLS; nothing comes in",
            allow_all_outbound=False,
        )
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "AWS, by TLS")
