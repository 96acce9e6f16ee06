"""What is disturbed while orders flow: workers, the operator's command, permissions."""

import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from random import Random

from demo.ops_command import start_ops
from demo.workers import Worker, start_worker, worker_environment
from emulator.cloud import Cloud, RootSession
from ops.deployed import Deployed
from ops.faults import FAULTS_WHILE_DISPATCHING, FAULTS_WHILE_PLACING, Denials

WORKER_KILLED = "worker killed"
OPERATOR_KILLED = "operator's redrive killed"
DENIED = "permission denied"
KINDS = (WORKER_KILLED, OPERATOR_KILLED, DENIED)

WORKERS = 2
LEASE_SECONDS = 20
"""How long a killed redrive's dead letters stay hidden: ten minutes are too long to wait for."""
REDRIVE = f"""
import sys
from ops import __main__ as ops
from ops.dlq import readers
readers.VISIBILITY_TIMEOUT = {LEASE_SECONDS}
sys.exit(ops.main())
"""


class Disturbances:
    """Disturbs a platform at moments that a seed decides. ``counts`` says how often."""

    def __init__(
        self, cloud: Cloud, outputs: Mapping[str, str], *, seed: int, pause: float
    ) -> None:
        """``pause`` is the longest time between two disturbances of a kind, in seconds."""
        self.counts: Counter[str] = Counter()
        self._cloud, self._seed, self._pause = cloud, seed, pause
        self._environment = worker_environment(cloud, outputs["WarehouseGroup"])
        self._stop = threading.Event()
        templates = Deployed(session=RootSession(cloud), environment="dev").templates()
        self._denials = Denials(cloud.client, templates)
        self._workers: list[Worker] = []
        self._started = 0
        self._stack = ExitStack()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Disturb while the block runs."""
        work = (self._kill_worker, self._kill_operator, self._deny)
        with ThreadPoolExecutor(len(work)) as pool:
            try:
                running = [pool.submit(self._repeat, each) for each in work]
                yield
            finally:
                self._stop.set()
        for each in running:
            each.result()

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Run the warehouse's workers; one that is killed is replaced."""
        with self._stack:
            for _ in range(WORKERS):
                self._start_worker()
            yield

    def _start_worker(self) -> None:
        self._started += 1
        worker = start_worker(self._stack, self._cloud, self._environment, self._started)
        self._workers.append(worker)

    def _repeat(self, disturb: Callable[[Random], None]) -> None:
        draw = Random(f"{self._seed}/{disturb.__name__}")  # noqa: S311 - no secret
        while not self._stop.wait(draw.uniform(0.2, 1) * self._pause):
            disturb(draw)

    def _kill_worker(self, draw: Random) -> None:
        worker = self._workers.pop(draw.randrange(len(self._workers)))
        worker.instance.process.kill()
        worker.instance.process.wait()
        self.counts[WORKER_KILLED] += 1
        self._start_worker()

    def _kill_operator(self, draw: Random) -> None:
        """Begin a redrive, and kill it while it runs."""
        words = ("dlq", "redrive", "--all", "--yes", "--per-second", "2")
        with start_ops(
            self._cloud, *words, program=("-c", REDRIVE), stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(draw.uniform(1.5, 6))
            except subprocess.TimeoutExpired:
                self.counts[OPERATOR_KILLED] += 1
            finally:
                process.kill()

    def _deny(self, draw: Random) -> None:
        """Deny a permission for a short while."""
        fault = draw.choice([*FAULTS_WHILE_PLACING, *FAULTS_WHILE_DISPATCHING])
        self._denials.deny(fault)
        self.counts[DENIED] += 1
        try:
            self._stop.wait(draw.uniform(0.5, 4))
        finally:
            self._denials.permit(fault)
