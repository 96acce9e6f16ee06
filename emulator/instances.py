"""The warehouse's workers on a laptop: what its instances would run, as processes.

Nothing launches instances here. Each process gets what the group's launch template gives an
instance: the settings in its user data, and the credentials of its role, which may do no more here
than on AWS.
"""

import base64
import json
import os
import re
import runpy
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

from emulator.cloud import Cloud, CloudError

SETTINGS = re.compile(r"cat > /etc/worker\.env <<'END'\n(.*?)\nEND\n", re.DOTALL)
_ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 30
_STOP_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProcess:
    """A process that plays an instance."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def state(self) -> str:
        """What it answers to a probe; empty when it answers nothing."""
        try:
            with _open(f"http://127.0.0.1:{self.port}/alive") as answer:
                return str(json.load(answer)["state"])
        except URLError:
            return ""

    def stop(self) -> int:
        """Have it drain and end, as systemd does; return its exit status."""
        self.process.terminate()
        return self.process.wait(_STOP_SECONDS)


@contextmanager
def running_workers(
    cloud: Cloud,
    outputs: Mapping[str, str],
    *,
    workers: int = 2,
    settings: Mapping[str, str] = {},
) -> Iterator[list[WorkerProcess]]:
    """Have so many workers ready for as long as the context lasts; they drain when it ends.

    ``settings`` replace those of the launch template.
    """
    given = environment(cloud, outputs["WarehouseGroup"])
    with ExitStack() as stack:
        started = [
            stack.enter_context(_started(cloud, {**given, **settings}, number))
            for number in range(workers)
        ]
        for worker in started:
            _await_ready(worker)
        try:
            yield started
        finally:
            # All at once; then each is waited for.
            for worker in started:
                worker.process.terminate()


def environment(cloud: Cloud, group: str) -> dict[str, str]:
    """The environment of a program on one of the group's instances."""
    (found,) = cloud.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[group]
    )["AutoScalingGroups"]
    (version,) = cloud.client("ec2").describe_launch_template_versions(
        LaunchTemplateId=found["LaunchTemplate"]["LaunchTemplateId"], Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    written = SETTINGS.search(base64.b64decode(data["UserData"]).decode())
    if written is None:
        raise CloudError(f"The launch template of {group} writes no /etc/worker.env.")
    profile = data["IamInstanceProfile"]["Arn"].rpartition("/")[2]
    (role,) = cloud.client("iam").get_instance_profile(InstanceProfileName=profile)[
        "InstanceProfile"
    ]["Roles"]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **cloud.environment(),
        **dict(line.split("=", 1) for line in written[1].splitlines()),
        **_credentials(cloud, role["RoleName"]),
        # On AWS a longer wait costs less; here it would only make the end wait.
        "WAIT_SECONDS": "1",
    }


def _credentials(cloud: Cloud, role: str) -> dict[str, str]:
    """Those that an instance with this role gets, in the way it gets them."""
    trust = ssl.create_default_context(cafile=str(cloud.certificate))

    def ask(path: str, method: str, **headers: str) -> str:
        request = urllib.request.Request(  # noqa: S310 -- the cloud is ours
            f"{cloud.endpoint}/latest/{path}",
            method=method,
            headers={f"X-aws-ec2-metadata-{name}": value for name, value in headers.items()},
        )
        with _open(request, trust) as answer:
            return str(answer.read().decode())

    token = ask("api/token", "PUT", **{"token-ttl-seconds": "60"})
    given = json.loads(ask(f"meta-data/iam/security-credentials/{role}", "GET", token=token))
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["Token"],
    }


@contextmanager
def _started(cloud: Cloud, settings: Mapping[str, str], number: int) -> Iterator[WorkerProcess]:
    port = _free_port()
    log = cloud.directory / f"worker-{number}-{port}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator.instances", settings["PROGRAM"]],
            cwd=_ROOT,
            env={**settings, "HEALTH_PORT": str(port)},
            stdin=subprocess.PIPE,
            stdout=written,
            stderr=subprocess.STDOUT,
            # Ctrl-C goes to the whole foreground group; we end the workers when we are done.
            start_new_session=True,
        )
    worker = WorkerProcess(process=process, port=port, log=log)
    try:
        yield worker
    finally:
        try:
            worker.stop()
        finally:
            process.kill()
            process.wait()


def _await_ready(worker: WorkerProcess) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while worker.state() != "ready":
        if worker.process.poll() is not None or time.monotonic() > deadline:
            last = worker.log.read_text(errors="replace").strip().splitlines()[-8:]
            raise CloudError("A worker did not start; its log ends with:\n" + "\n".join(last))
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def _open(request: str | urllib.request.Request, trust: ssl.SSLContext | None = None) -> Any:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    return opener.open(request, timeout=5)


def _end_with_parent() -> None:
    """Killed without a word, the parent leaves nobody behind: its end of the pipe closes."""
    # Not by way of sys.stdin, whose lock an ending interpreter would wait for.
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module(sys.argv[1], run_name="__main__")
