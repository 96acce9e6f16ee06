"""The launch of a worker's instance: it is in service when its program is ready, and not before."""

from aws_cdk import Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2

LAUNCH_HOOK = "launch"
LAUNCH_TIMEOUT = Duration.minutes(10)
"""For how long an instance may be set up: two minutes are usual."""

_SHIP_LOG = (
    "set +eu",
    "source /etc/worker.env",
    "instance=$(cat /var/lib/cloud/data/instance-id)",
    'aws() { command aws --region "$AWS_DEFAULT_REGION" "$@"; }',
    """python3 -c 'import json, sys, time; print(json.dumps([{"""
    """"timestamp": int(time.time() * 1000), """
    """"message": sys.stdin.buffer.read()[-50000:].decode(errors="replace")}]))' \\"""
    "\n  < /var/log/cloud-init-output.log > /run/boot.json",
    'aws logs create-log-stream --log-group-name "$LOG_GROUP" --log-stream-name "$instance/boot"',
    'aws logs put-log-events --log-group-name "$LOG_GROUP" --log-stream-name "$instance/boot" \\'
    "\n  --log-events file:///run/boot.json > /dev/null",
)
_COMPLETE_LAUNCH = (
    "[[ $exitCode == 0 ]] && result=CONTINUE || result=ABANDON",
    'aws autoscaling complete-lifecycle-action --auto-scaling-group-name "$GROUP" \\'
    f'\n  --lifecycle-hook-name {LAUNCH_HOOK} --instance-id "$instance" \\'
    '\n  --lifecycle-action-result "$result"',
)


def hold_launches(group: autoscaling.AutoScalingGroup, user_data: ec2.UserData) -> None:
    """Put an instance in service when its user data has succeeded; else have it replaced.

    The hook is part of the group, so it holds the first instances too. When the user data ends, the
    instance sends the end of its boot log to the worker's log group, signals CloudFormation, and
    completes the hook, in this order: after ABANDON it is terminated. An instance that does not
    even get there is terminated after the hook's time.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
    """
    resource = group.node.default_child
    if not isinstance(resource, autoscaling.CfnAutoScalingGroup):
        raise TypeError(f"{group.node.path} is not an Auto Scaling group of CloudFormation")
    resource.lifecycle_hook_specification_list = [
        autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
            lifecycle_hook_name=LAUNCH_HOOK,
            lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
            heartbeat_timeout=int(LAUNCH_TIMEOUT.to_seconds()),
            default_result="ABANDON",
        )
    ]
    user_data.add_on_exit_commands(*_SHIP_LOG)
    user_data.add_signal_on_exit_command(group)
    user_data.add_on_exit_commands(*_COMPLETE_LAUNCH)
