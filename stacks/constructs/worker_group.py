"""A long-running program on EC2 instances, as many as its queues need."""

from collections.abc import Iterable, Mapping, Sequence

from aws_cdk import ArnFormat, Duration, IgnoreMode, RemovalPolicy, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from stacks.constructs.function import ROOT
from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge
from stacks.constructs.network import Network
from stacks.constructs.packages import packages_folder
from stacks.environments import Environment

AMI_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
PACKAGES = ("boto3", "botocore", "jmespath", "s3transfer", "python-dateutil", "six", "urllib3")
BOTO_DATA_FILES = (
    "botocore/cacert.pem",
    "botocore/data/_retry.json",
    "botocore/data/endpoints.json",
    "botocore/data/partitions.json",
    "botocore/data/sdk-default-configuration.json",
    *(f"botocore/data/{service}/" for service in ("dynamodb", "events", "sqs")),
)
"""What boto3 needs besides code, of the services that workers talk to: of all it would be 27 MB."""

SESSION_MANAGER_ACTIONS = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""What Session Manager needs; the managed policy may read every parameter besides.
https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
"""

WAIT_SECONDS, LEASE_SECONDS, GRACE_SECONDS = 20, 30, 40
"""Seconds to wait for messages; until others get one that is held; to finish what is in hand."""
BACKLOG_PER_INSTANCE = 500
"""How many messages may wait for each instance: it handles hundreds a second."""
DRAIN_HOOK = "drain"
"""The lifecycle hook's name, which the instance has to say when it has drained."""


class WorkerGroup(Construct):
    """An Auto Scaling group in two zones that nobody can reach from outside.

    An instance counts as there when its program says that it is ready, and goes when it has
    drained. A change replaces one after the other, and is rolled back when one does not come up.
    People get in by Session Manager.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        service: str,
        settings: Mapping[str, str],
        queues: Mapping[sqs.IQueue, sqs.IQueue],
    ) -> None:
        """Declare the group; its size follows from how much waits in ``queues``.

        Each goes with the queue in which its poison is parked.

        ``service`` is a package of ``workers``, ``settings`` become its environment.
        """
        super().__init__(scope, id)
        # A contract: the instances say it, and so do rules on what happens to the group.
        self.name = env.stack_name(service.capitalize())
        self._code = Asset(
            self,
            "Code",
            path=str(ROOT),
            ignore_mode=IgnoreMode.GIT,
            exclude=worker_asset_exclude(service),
        )
        self._packages = Asset(
            self, "Packages", path=str(packages_folder(PACKAGES, BOTO_DATA_FILES))
        )
        log_group = logs.LogGroup(
            self, "Logs", retention=env.log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        self.role = self._make_role(log_group, queues)

        network = Network(self, "Network")
        user_data = self._user_data(
            {
                "PROGRAM": f"workers.{service}",
                "GROUP": self.name,
                "HOOK": DRAIN_HOOK,
                "LOG_GROUP": log_group.log_group_name,
                "AWS_DEFAULT_REGION": Stack.of(self).region,
                "HEALTH_PORT": "8080",
                "WAIT_SECONDS": str(WAIT_SECONDS),
                "LEASE_SECONDS": str(LEASE_SECONDS),
                "GRACE_SECONDS": str(GRACE_SECONDS),
                **settings,
            }
        )
        template = ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.MICRO),
            cpu_credits=ec2.CpuCredits.STANDARD,
            # The newest image at each launch: security updates need no deployment.
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(AMI_PARAMETER),
            role=self.role,
            security_group=network.security_group,
            associate_public_ip_address=True,
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        8, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3
                    ),
                )
            ],
            user_data=user_data,
        )
        min_size, max_size = env.workers
        public_subnets = network.select_subnets(subnet_type=ec2.SubnetType.PUBLIC)
        group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            auto_scaling_group_name=self.name,
            vpc=network,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            launch_template=template,
            min_capacity=min_size,
            max_capacity=max_size,
            health_checks=autoscaling.HealthChecks.ec2(grace_period=Duration.minutes(5)),
            default_instance_warmup=Duration.minutes(3),
            max_instance_lifetime=Duration.days(14),
            group_metrics=[autoscaling.GroupMetrics(autoscaling.GroupMetric.IN_SERVICE_INSTANCES)],
            signals=autoscaling.Signals.wait_for_min_capacity(timeout=Duration.minutes(10)),
            update_policy=autoscaling.UpdatePolicy.rolling_update(
                min_instances_in_service=min_size,
                max_batch_size=1,
                pause_time=Duration.minutes(10),
                wait_on_resource_signals=True,
            ),
        )
        # Instances need their rights, and a way out, as soon as they are there.
        group.node.add_dependency(self.role, public_subnets.internet_connectivity_established)
        user_data.add_signal_on_exit_command(group)
        group.add_lifecycle_hook(
            "Drain",
            lifecycle_hook_name=DRAIN_HOOK,
            lifecycle_transition=autoscaling.LifecycleTransition.INSTANCE_TERMINATING,
            # When an instance goes even if it never says that it has drained.
            heartbeat_timeout=Duration.minutes(3),
            default_result=autoscaling.DefaultResult.CONTINUE,
        )
        self._scale(group, queues)
        acknowledge(
            group,
            "AwsSolutions-AS3",
            reason="its launches and terminations reach the operations topic by EventBridge",
        )

    def _make_role(
        self, log_group: logs.LogGroup, queues: Mapping[sqs.IQueue, sqs.IQueue]
    ) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        for asset in (self._code, self._packages):
            grant(role, "s3:GetObject", on=asset.bucket.arn_for_objects(asset.s3_object_key))
        log_group.grant_write(role)
        for queue, dead_letters in queues.items():
            grant(
                role,
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                on=queue.queue_arn,
            )
            grant(role, "sqs:SendMessage", on=dead_letters.queue_arn)
        grant(role, *SESSION_MANAGER_ACTIONS, on="*")
        group_arn = Stack.of(self).format_arn(
            service="autoscaling",
            resource="autoScalingGroup",
            resource_name=f"*:autoScalingGroupName/{self.name}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        grant(role, "autoscaling:CompleteLifecycleAction", on=group_arn)
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="Session Manager's channels know no resources",
        )
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:autoscaling:<AWS::Region>:"
            f"<AWS::AccountId>:autoScalingGroup:*:autoScalingGroupName/{self.name}]",
            reason="the wildcard stands for an id that a group gets when it is made",
        )
        return role

    def _user_data(self, settings: Mapping[str, str]) -> ec2.UserData:
        user_data = ec2.UserData.for_linux()
        user_data.add_commands(
            "set -euo pipefail",
            "cat > /etc/worker.env <<'END'",
            *(f"{name}={value}" for name, value in settings.items()),
            "END",
            *self._fetch(self._code, "/opt/worker"),
            *self._fetch(self._packages, "/opt/worker/packages"),
            "bash /opt/worker/workers/host/install.sh",
        )
        return user_data

    def _fetch(self, asset: Asset, folder: str) -> Sequence[str]:
        file = f"/tmp/{asset.node.id}.zip"  # noqa: S108 -- of an instance that is nobody else's
        return (
            f"mkdir -p {folder}",
            f"aws s3 cp --quiet s3://{asset.s3_bucket_name}/{asset.s3_object_key} {file}",
            f"python3 -m zipfile -e {file} {folder}",
        )

    def _scale(self, group: autoscaling.AutoScalingGroup, queues: Iterable[sqs.IQueue]) -> None:
        """Keep the backlog of each instance at its target, up and down.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-target-tracking-metric-math.html
        """
        policy = autoscaling.CfnScalingPolicy
        names = [queue.queue_name for queue in queues]
        waiting = [
            _metric(
                f"waiting{i}",
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                QueueName=name,
            )
            for i, name in enumerate(names)
        ]
        instances = _metric(
            "instances",
            "AWS/AutoScaling",
            "GroupInServiceInstances",
            AutoScalingGroupName=group.auto_scaling_group_name,
        )
        # SQS is silent about a queue that nobody has used for hours.
        backlog = " + ".join(f"FILL(waiting{i}, 0)" for i in range(len(names)))
        policy(
            self,
            "BacklogPerInstance",
            auto_scaling_group_name=group.auto_scaling_group_name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=policy.TargetTrackingConfigurationProperty(
                target_value=BACKLOG_PER_INSTANCE,
                customized_metric_specification=policy.CustomizedMetricSpecificationProperty(
                    metrics=[
                        *waiting,
                        instances,
                        policy.TargetTrackingMetricDataQueryProperty(
                            id="backlog",
                            label="Messages that wait for each instance",
                            expression=f"({backlog}) / instances",
                            return_data=True,
                        ),
                    ]
                ),
            ),
        )


def _metric(
    id: str, namespace: str, name: str, **dimensions: str
) -> autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty:
    policy = autoscaling.CfnScalingPolicy
    return policy.TargetTrackingMetricDataQueryProperty(
        id=id,
        metric_stat=policy.TargetTrackingMetricStatProperty(
            metric=policy.MetricProperty(
                namespace=namespace,
                metric_name=name,
                dimensions=[
                    policy.MetricDimensionProperty(name=dimension, value=value)
                    for dimension, value in dimensions.items()
                ],
            ),
            stat="Average",
        ),
        return_data=False,
    )


def worker_asset_exclude(service: str) -> list[str]:
    """What of the repository is no part of a worker: all but its package and what all share."""
    packages = {"workers": ("host", service), "lambdas": ("contracts", "runtime")}
    included = [
        f"!{top}{rest}"
        for top, inner in packages.items()
        for rest in (
            "",
            "/__init__.py",
            *(f"/{name}{all}" for name in inner for all in ("", "/**")),
        )
    ]
    return ["*", *included, "**/__pycache__"]
