"""A network for workers: outbound TLS connections, no inbound traffic."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.constructs.nag import acknowledge


class Network(ec2.Vpc):
    """A VPC with a public subnet in each of two zones, and a security group for outbound TLS only.

    It has neither a NAT gateway nor interface endpoints: ``docs/adr`` compares the prices. Most
    traffic goes to DynamoDB and S3, through gateway endpoints, which are free.
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
            # The CDK would need a function to restrict this group, which nothing uses.
            restrict_default_security_group=False,
        )
        acknowledge(
            self,
            "AwsSolutions-VPC7",
            reason="no inbound traffic is allowed, and all outbound traffic goes to AWS by TLS:"
            " flow logs would cost more than they show",
        )
        self.security_group = ec2.SecurityGroup(
            self,
            "OutOnly",
            vpc=self,
            description="Out by TLS; nothing comes in",
            allow_all_outbound=False,
        )
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "AWS, by TLS")
