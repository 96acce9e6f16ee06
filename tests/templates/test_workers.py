"""The instances of workers: their events, their unit, and the code that they fetch."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates import worker_checks
from tests.templates.kinds import RULE
from tests.templates.synthesis import platform, synthesis
from tests.templates.worker_checks import GROUP, data, launched_by, settings, unit

everywhere = pytest.mark.parametrize("environment", ENVIRONMENTS)


@everywhere
class TestInstanceEvents:
    def test_instance_state_changes_are_logged(self, environment: str):
        of = platform(environment)
        rule = of.one(RULE, "LogInstances")
        (target,) = rule.properties["Targets"]
        group = of.referred(rule.stack, target["Arn"]["Fn::Join"][1][-1])

        assert "EventBusName" not in rule.properties
        assert rule.properties["EventPattern"] == {
            "source": ["aws.ec2"],
            "detail-type": ["EC2 Instance State-change Notification"],
            "detail": {"state": ["running", "stopping", "stopped", "terminated"]},
            "replay-name": [{"exists": False}],
        }
        assert group is not None
        name = group.properties["LogGroupName"]
        assert name == "/aws/events/instances" + ("" if environment == "dev" else f"-{environment}")

    def test_events_of_other_groups_are_ignored(self, environment: str):
        pattern = platform(environment).one(RULE, "Warehouse/NotifyOf").properties["EventPattern"]

        assert pattern["source"] == ["aws.autoscaling"]
        assert pattern["detail"] == {
            "AutoScalingGroupName": [f"Orders-{environment.capitalize()}-Warehouse"]
        }


class TestHost:
    """The files that an instance is set up by."""

    def test_worker_unit_is_restarted_watched_and_unprivileged(self):
        service = unit("worker.service")

        assert service["Type"] == "notify"
        assert service["Restart"] == "always"
        assert 0 < int(service["WatchdogSec"]) <= 60
        assert service["User"] == "worker"
        assert service["NoNewPrivileges"] == "yes"
        assert service["ExecStart"] == "/usr/bin/python3.13 -m ${PROGRAM}"

    def test_worker_stops_before_the_instance_is_released(self):
        lines = (worker_checks.HOST / "retire.sh").read_text().splitlines()

        assert lines.index("systemctl stop worker") < next(
            i for i, line in enumerate(lines) if "complete-lifecycle-action" in line
        )


@everywhere
class TestAssets:
    def fetched(self, environment: str) -> list[Path]:
        group = platform(environment).one(GROUP, "Warehouse")
        parts = data(launched_by(platform(environment), group))["UserData"]["Fn::Base64"]
        text = "".join(part for part in parts["Fn::Join"][1] if isinstance(part, str))
        hashes = re.findall(r"/([0-9a-f]{64})\.zip", text)
        return [synthesis(environment).asset(hash) for hash in hashes]

    def test_code_asset_is_worker_and_shared_packages(self, environment: str):
        code, _ = self.fetched(environment)
        files = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}

        shared = (
            "lambdas/contracts/",
            "lambdas/runtime/",
            "workers/host/",
            "workers/runtime/",
            "workers/warehouse/",
        )
        assert {file for file in files if not file.startswith(shared)} == {
            "lambdas/__init__.py",
            "workers/__init__.py",
        }
        assert {"workers/warehouse/__main__.py", "workers/host/install.sh"} <= files

    def test_worker_runs_on_its_own_assets(self, environment: str):
        code, packages = self.fetched(environment)
        program = (
            "import sys; sys.path[:0] = sys.argv[1:]; import boto3, workers.warehouse.__main__;"
            "[boto3.client(s, region_name='eu-west-1') for s in ('sqs', 'dynamodb', 'events')];"
            "print(boto3.__file__)"
        )

        ran = subprocess.run(
            [sys.executable, "-B", "-S", "-E", "-c", program, str(code), str(packages / "python")],
            capture_output=True,
            text=True,
            check=False,
        )

        assert ran.stderr == ""
        assert ran.stdout.startswith(str(packages))
        assert sum(path.stat().st_size for path in packages.rglob("*")) < 10_000_000

    def test_worker_settings_match_the_stack(self, environment: str):
        group = platform(environment).one(GROUP, "Warehouse")

        assert settings(launched_by(platform(environment), group))["PROGRAM"] == "workers.warehouse"
