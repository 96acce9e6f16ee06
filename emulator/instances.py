"""Processes that take the place of EC2 instances.

The local cloud launches no instances. A process gets what the group's launch template gives an
instance: the environment file that the user data writes, and credentials of the role, which allow
the same as on AWS.
"""

import base64
import json
import os
import re
import runpy
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.cloud import Cloud, CloudError
from emulator.gateway import KEY_HEADER
from emulator.parent_process import watch_parent

_ROOT = Path(__file__).resolve().parent.parent
_STOP_SECONDS = 60
_LAST_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProcess:
    """A process that takes the place of an instance."""

    process: subprocess.Popen[bytes]
    log: Path
    """What the program writes to its standard output and error."""

    def stop(self) -> int:
        """Send SIGTERM, wait, kill what has not ended, as systemd does; return the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def last_lines(self) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:])


def instance_environment(cloud: Cloud, group: str, *, environment_file: str) -> dict[str, str]:
    """Return the environment of a program on an instance of an Auto Scaling group.

    `environment_file` is the path of the file that the user data writes with `cat` and a
    here-document, such as /etc/program.env.
    """
    data = launch_template(cloud, group)
    document = rf"cat > {re.escape(environment_file)} <<'END'\n(.*?)\nEND\n"
    written = re.search(document, base64.b64decode(data["UserData"]).decode(), re.DOTALL)
    if written is None:
        raise CloudError(f"The launch template of {group} writes no {environment_file}.")
    profile = data["IamInstanceProfile"]["Arn"].rpartition("/")[2]
    (role,) = cloud.client("iam").get_instance_profile(InstanceProfileName=profile)[
        "InstanceProfile"
    ]["Roles"]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **cloud.environment(),
        **dict(line.split("=", 1) for line in written[1].splitlines()),
        **_credentials(cloud, role["RoleName"]),
    }


def launch_template(cloud: Cloud, group: str) -> dict[str, Any]:
    """Return what an Auto Scaling group gives its next instance.

    The user data names the code, so another code is another template.
    """
    (found,) = cloud.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[group]
    )["AutoScalingGroups"]
    (version,) = cloud.client("ec2").describe_launch_template_versions(
        LaunchTemplateId=found["LaunchTemplate"]["LaunchTemplateId"], Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    return dict(version["LaunchTemplateData"])


@contextmanager
def running_instance(
    cloud: Cloud, module: str, *, name: str, environment: Mapping[str, str]
) -> Iterator[InstanceProcess]:
    """Run a Python module as an instance's program for as long as the context lasts.

    When the context ends, the program gets SIGTERM and may finish its work.
    """
    log = cloud.directory / f"{name}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator.instances", module],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=written,
            stderr=subprocess.STDOUT,
            # Ctrl-C goes to the whole foreground group; this process has to end with the context.
            start_new_session=True,
        )
    instance = InstanceProcess(process=process, log=log)
    try:
        yield instance
    finally:
        try:
            instance.stop()
        finally:
            process.kill()
            process.communicate()


def _credentials(cloud: Cloud, role: str) -> dict[str, str]:
    """Fetch the role's credentials from the instance metadata service."""
    trust = ssl.create_default_context(cafile=str(cloud.certificate))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )

    def request(path: str, method: str, **headers: str) -> Any:
        url = urllib.request.Request(  # noqa: S310 -- the endpoint is the local cloud's
            f"{cloud.endpoint}/latest/{path}",
            method=method,
            headers={
                KEY_HEADER: cloud.access_key,
                **{f"X-aws-ec2-metadata-{name}": value for name, value in headers.items()},
            },
        )
        with opener.open(url, timeout=5) as answer:
            return answer.read().decode()

    token = request("api/token", "PUT", **{"token-ttl-seconds": "60"})
    path = f"meta-data/iam/security-credentials/{role}"
    credentials = json.loads(request(path, "GET", token=token))
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["Token"],
    }


if __name__ == "__main__":
    watch_parent(lambda: os._exit(1))
    runpy.run_module(sys.argv[1], run_name="__main__")
