"""A long-running program on EC2 instances. The backlog of its queues decides how many."""

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.backlog_scaling import scale_on_backlog, start_from_none
from stacks.constructs.nag import acknowledge, acknowledge_checkov
from stacks.constructs.network import Network
from stacks.constructs.worker_alarm import alarm_on_idle_instances
from stacks.constructs.worker_assets import WorkerAssets
from stacks.constructs.worker_launch import LAUNCH_TIMEOUT, hold_launches
from stacks.constructs.worker_role import WorkerRole
from stacks.environments import Environment

AMI_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"

WAIT_SECONDS = 20
"""How long a request waits for messages."""
LEASE_SECONDS = 30
"""For how long a received message is invisible to others."""
GRACE_SECONDS = 40
"""How long work in progress may take once the worker is to stop."""
DRAIN_HOOK = "drain"
"""The lifecycle hook's name, which an instance names when it has drained."""


class WorkerGroup(Construct):
    """An Auto Scaling group in two zones, without inbound connections.

    An instance is in service once its program reports that it is ready, and is terminated once it
    has drained. One that does not become ready is replaced. An update replaces one instance after
    the other, and is rolled back when one does not become ready. People log in by
    Session Manager.
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
        alarms: sns.ITopic,
    ) -> None:
        """Declare the group, whose size follows the backlog of ``queues``.

        ``queues`` maps each queue to the dead-letter queue of its consumer. ``service`` is a
        package of ``workers``; ``settings`` become its environment variables.
        """
        super().__init__(scope, id)
        # The instances use this name, and so do rules for the group's events.
        self.name = env.stack_name(service.capitalize())
        assets = WorkerAssets(self, service=service)
        log_group = logs.LogGroup(
            self, "Logs", retention=env.log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        self.role = WorkerRole(
            self,
            "Role",
            group_name=self.name,
            object_arns=assets.object_arns,
            log_group=log_group,
            queues=queues,
        )

        network = Network(self, "Network")
        user_data = assets.user_data(
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
        reason = "it reaches AWS without a NAT gateway, and nothing reaches it: docs/adr/0010"
        acknowledge_checkov(template, "CKV_AWS_88", reason=reason)
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
            # A group that starts from none has nothing to wait for.
            signals=autoscaling.Signals.wait_for_min_capacity(timeout=LAUNCH_TIMEOUT)
            if min_size
            else None,
            update_policy=autoscaling.UpdatePolicy.rolling_update(
                min_instances_in_service=min_size,
                max_batch_size=1,
                pause_time=LAUNCH_TIMEOUT,
                wait_on_resource_signals=True,
            ),
        )
        # Instances need their permissions and the internet as soon as they are launched.
        group.node.add_dependency(self.role, public_subnets.internet_connectivity_established)
        hold_launches(group, user_data)
        group.add_lifecycle_hook(
            "Drain",
            lifecycle_hook_name=DRAIN_HOOK,
            lifecycle_transition=autoscaling.LifecycleTransition.INSTANCE_TERMINATING,
            # If an instance does not report that it has drained, it is terminated after this time.
            heartbeat_timeout=Duration.minutes(3),
            default_result=autoscaling.DefaultResult.CONTINUE,
        )
        if min_size:
            scale_on_backlog(self, group=group, queues=queues)
        else:
            start_from_none(self, group=group, queues=queues, service=service)
        alarm_on_idle_instances(self, group=group, service=service, alarms=alarms)
        acknowledge(
            group,
            "AwsSolutions-AS3",
            reason="its launches and terminations reach the operations topic by EventBridge",
        )
