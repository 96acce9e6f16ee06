"""The warehouse's workers. Each is a process in place of an instance of the warehouse's group."""

import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
def running_workers(
    cloud: Cloud,
    outputs: Mapping[str, str],
    *,
    workers: int = 2,
    settings: Mapping[str, str] = {},
) -> Iterator[list[Worker]]:
    """Run this many workers for as long as the context lasts; they drain when it ends.

    `outputs` are the outputs of the deployed stacks; `settings` replace those of the launch
    template.
    """
    environment = {**worker_environment(cloud, outputs), **settings}
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
    outputs: Mapping[str, str],
    say: Callable[[str], object],
    *,
    ready: Callable[[], object],
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Run workers until a signal ends it, and replace them when an update changes their template.

    `ready` is called once the first ones run. Those that do not start are reported with `say`; the
    next update replaces them too.
    """
    template = launch_template(cloud, outputs["WarehouseGroup"])
    with ExitStack() as workers:
        workers.enter_context(running_workers(cloud, outputs))
        ready()
        while True:
            pause(SECONDS_BETWEEN_LOOKS)
            if (now := launch_template(cloud, outputs["WarehouseGroup"])) == template:
                continue
            template = now
            workers.close()
            try:
                workers.enter_context(running_workers(cloud, outputs))
                say("The warehouse's workers were replaced: they run the deployed code.")
            except CloudError as error:
                say(str(error))


def worker_environment(cloud: Cloud, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a worker on an instance of the warehouse."""
    given = instance_environment(
        cloud, outputs["WarehouseGroup"], environment_file=ENVIRONMENT_FILE
    )
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
