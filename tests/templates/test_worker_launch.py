"""A worker's instance is in service when its program is ready, and an alarm says when it is not."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import ALARM
from tests.templates.synthesis import Resource, platform
from tests.templates.worker_checks import GROUP, data, launched_by, settings

everywhere = pytest.mark.parametrize("environment", ENVIRONMENTS)
STUB = '#!/bin/bash\necho "${0##*/} $*" >> {calls}\n[[ $1 != --region ]] || exit {fails}\n'


def worker_group(environment: str) -> Resource:
    return platform(environment).one(GROUP, "Warehouse")


@everywhere
def test_first_instances_wait_for_their_user_data(environment: str):
    (hook,) = worker_group(environment).properties["LifecycleHookSpecificationList"]

    assert hook == {
        "DefaultResult": "ABANDON",
        "HeartbeatTimeout": 600,
        "LifecycleHookName": "launch",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    }


class TestUserData:
    """What an instance does when its user data ends: run here, with other commands for AWS's."""

    @pytest.fixture
    def instance(self, tmp_path: Path) -> Path:
        for folder in ("etc", "run", "var/lib/cloud/data", "var/log", "opt/aws/bin", "bin"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "etc/worker.env").write_text(
            "GROUP=group\nLOG_GROUP=logs\nAWS_DEFAULT_REGION=eu-west-1\n"
        )
        (tmp_path / "var/lib/cloud/data/instance-id").write_text("i-1\n")
        (tmp_path / "var/log/cloud-init-output.log").write_bytes(b"dnf: no 'mirror' \xff\n")
        return tmp_path

    def end(self, instance: Path, *, status: int, aws_fails: bool = False) -> list[str]:
        """End the user data with a status; return the calls of AWS's commands."""
        calls = instance / "calls"
        for program in ("bin/aws", "opt/aws/bin/cfn-signal"):
            stub = STUB.replace("{calls}", str(calls)).replace("{fails}", str(int(aws_fails)))
            (instance / program).write_text(stub)
            (instance / program).chmod(0o755)
        template = launched_by(platform("dev"), worker_group("dev"))
        parts: list[Any] = data(template)["UserData"]["Fn::Base64"]["Fn::Join"][1]
        text = "".join(part if isinstance(part, str) else "eu-west-1" for part in parts)
        found = re.search(r"function exitTrap.*?trap exitTrap EXIT\n", text, re.DOTALL)
        assert found is not None
        script = re.sub(r"(?<![\w.])/(etc|run|var|opt)/", rf"{instance}/\1/", found[0])
        subprocess.run(
            ["bash", "-c", f"{script}set -euo pipefail\nexit {status}"],
            env={"PATH": f"{instance / 'bin'}:{os.environ['PATH']}"},
            check=False,
        )
        return calls.read_text().splitlines()

    @pytest.mark.parametrize(("status", "result"), [(0, "CONTINUE"), (7, "ABANDON")])
    def test_end_of_the_user_data_decides(self, instance: Path, status: int, result: str):
        *_, signal, completion = self.end(instance, status=status)

        assert signal.startswith("cfn-signal --stack Orders-Dev-Warehouse --resource ")
        assert signal.endswith(f"-e {status}")
        assert completion == (
            "aws --region eu-west-1 autoscaling complete-lifecycle-action --auto-scaling-group-name"
            " group --lifecycle-hook-name launch --instance-id i-1 --lifecycle-action-result "
            + result
        )

    def test_boot_log_is_shipped_before_the_instance_goes(self, instance: Path):
        created, put, *_ = self.end(instance, status=1)

        stream = "--log-group-name logs --log-stream-name i-1/boot"
        assert created == f"aws --region eu-west-1 logs create-log-stream {stream}"
        events = f"--log-events file://{instance}/run/boot.json"
        assert put == f"aws --region eu-west-1 logs put-log-events {stream} {events}"
        (event,) = json.loads((instance / "run/boot.json").read_text())
        assert event["message"] == "dnf: no 'mirror' \N{REPLACEMENT CHARACTER}\n"

    def test_failing_report_does_not_stop_the_others(self, instance: Path):
        calls = self.end(instance, status=1, aws_fails=True)

        assert [call.split()[0] for call in calls] == ["aws", "aws", "cfn-signal", "aws"]

    def test_missing_environment_file_does_not_stop_the_signal(self, instance: Path):
        (instance / "etc/worker.env").unlink()

        assert "cfn-signal" in " ".join(self.end(instance, status=1))


@everywhere
def test_instances_without_a_ready_worker_raise_an_alarm(environment: str):
    group = worker_group(environment)
    (alarm,) = (
        alarm.properties
        for alarm in platform(environment).all(ALARM)
        if alarm.stack == group.stack
        and "instances do not work" in alarm.properties["AlarmDescription"]
    )

    result, *metrics = sorted(alarm["Metrics"], key=lambda metric: "MetricStat" in metric)
    assert result["Expression"] == "instances - FILL(ready, 0) / 5"
    assert {
        (metric["Id"], metric["MetricStat"]["Metric"]["MetricName"], metric["MetricStat"]["Stat"])
        for metric in metrics
    } == {
        ("instances", "GroupInServiceInstances", "Average"),
        ("ready", "WorkersReady", "Sum"),
    }
    assert all(
        metric["MetricStat"]["Period"] == 300
        and metric["MetricStat"]["Metric"]["Dimensions"]
        == [{"Name": "AutoScalingGroupName", "Value": {"Ref": group.id}}]
        for metric in metrics
    )
    # What the worker reports has the same value.
    assert (
        settings(launched_by(platform(environment), group))["GROUP"]
        == (group.properties["AutoScalingGroupName"])
    )
