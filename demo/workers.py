"""Workers. Each is a process in place of an instance of an Auto Scaling group."""

import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError

from emulator.cloud import Cloud, CloudError
from emulator.instances import (
    InstanceProcess,
    instance_environment,
    launch_template,
    running_instance,
)
from emulator.polling import poll

ENVIRONMENT_FILE = "/etc/worker.env"
READY_SECONDS = 30
SECONDS_BETWEEN_LOOKS = 2
"""How often it is looked whether an update has replaced the workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker, and the port on which it answers health probes."""

    instance: InstanceProcess
    port: int

    def state(self) -> str:
        """Return the state that the health probe reports; empty if it does not answer."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}/alive", timeout=5) as answer:
                return str(json.load(answer)["state"])
        except URLError:
            return ""


@contextmanager
def running_every_group(cloud: Cloud) -> Iterator[list[Worker]]:
    """Run workers of every group that is deployed, for as long as the context lasts."""
    with ExitStack() as stack:
        groups = [stack.enter_context(running_workers(cloud, group)) for group in _groups(cloud)]
        yield [worker for group in groups for worker in group]


@contextmanager
def running_workers(
    cloud: Cloud, group: str, *, workers: int = 2, settings: Mapping[str, str] = {}
) -> Iterator[list[Worker]]:
    """Run this many workers of a group for as long as the context lasts; they drain when it ends.

    `settings` replace those of the launch template.
    """
    environment = {**worker_environment(cloud, group), **settings}
    with ExitStack() as stack:
        started = [start_worker(stack, cloud, environment, number) for number in range(workers)]
        for worker in started:
            _await_ready(worker)
        try:
            yield started
        finally:
            # All get the signal first, so that they drain at the same time.
            for worker in started:
                worker.instance.process.terminate()


def serve_until_interrupted(
    cloud: Cloud,
    say: Callable[[str], object],
    *,
    ready: Callable[[], object],
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Run every group until a signal ends it; replace workers as an Auto Scaling group would.

    They are replaced when an update changes a template, and when one has ended. `ready` is called
    once the first ones run. Those that do not start are reported with `say`; the next update
    replaces them too.
    """
    templates = _launch_templates(cloud)
    with ExitStack() as stack:
        workers = stack.enter_context(running_every_group(cloud))
        ready()
        while True:
            pause(SECONDS_BETWEEN_LOOKS)
            ended = [each.instance for each in workers if each.instance.process.poll() is not None]
            if (now := _launch_templates(cloud)) == templates and not ended:
                continue
            templates = now
            for instance in ended:
                say(f"A worker has ended, with {instance.process.returncode}: {instance.log}")
            stack.close()
            workers = []
            try:
                workers = stack.enter_context(running_every_group(cloud))
                say("The workers were replaced: they run the deployed code.")
            except CloudError as error:
                say(str(error))


def _groups(cloud: Cloud) -> list[str]:
    found = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return [group["AutoScalingGroupName"] for group in found]


def _launch_templates(cloud: Cloud) -> dict[str, Any]:
    return {group: launch_template(cloud, group) for group in _groups(cloud)}


def worker_environment(cloud: Cloud, group: str) -> dict[str, str]:
    """Return the environment variables of a worker on an instance of the group."""
    given = instance_environment(cloud, group, environment_file=ENVIRONMENT_FILE)
    # A longer wait saves requests on AWS; here it would only delay the end.
    return {**given, "WAIT_SECONDS": "1"}


def start_worker(
    stack: ExitStack, cloud: Cloud, environment: Mapping[str, str], number: int
) -> Worker:
    """Start a worker that drains when the stack ends, without waiting until it is ready."""
    port = _free_port()
    instance = stack.enter_context(
        running_instance(
            cloud,
            environment["PROGRAM"],
            name=f"worker-{number}-{port}",
            environment={**environment, "HEALTH_PORT": str(port)},
        )
    )
    return Worker(instance=instance, port=port)


def _await_ready(worker: Worker) -> None:
    def is_ready_or_over() -> bool:
        return worker.state() == "ready" or worker.instance.process.poll() is not None

    if not poll(is_ready_or_over, seconds=READY_SECONDS) or worker.state() != "ready":
        raise CloudError(
            f"A worker did not start; its log ends with:\n{worker.instance.last_lines()}"
        )


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])
