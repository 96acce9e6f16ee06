"""Measure how long each function takes to start, next to functions that do less and more.

`python -m bench.cold_start` starts every function of the `dev` templates as Lambda does: a fresh
process of the functions' Python, the assets that a deployment ships, and AWS's runtime interface
client (awslambdaric), until it asks for its first event. In the same rounds, one after another, it
starts an empty handler, one with the same AWS clients and packages and no other code (plain), and
that one with Powertools, its tracer and pydantic (all-in). All packages have bytecode.

It cannot show what Lambda does before: find a machine and fetch the code. Times are wall clock and
CPU, in milliseconds; other programs on the machine disturb CPU time less.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from aws_cdk import App

from app import compose
from bench.figures import write_figures
from bench.runtime_api import RuntimeApi, serving
from stacks.constructs.assets import CONTEXT, RUNTIME
from stacks.environments import LAPTOP

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "bench" / "cold_start_cases"
PACKAGES = ROOT / "build" / "cold-start"
DEPTHS = (0, 7, 14, 21, 28, 35, 42)
"""Calls before the client: a piece of Python's stack holds some hundred frames."""
PLAIN_LIMIT, ALL_IN_LIMIT = 1.1, 0.5
CASE_NAMES = ("empty", "plain", "all_in")
Kind = Mapping[str, Sequence[str]]
"""The AWS clients and the packages that a function has."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process that runs a handler: where its code is, and its environment variables."""

    name: str
    handler: str
    paths: tuple[str, ...]
    settings: Mapping[str, str]


def main() -> int:
    """Measure, keep the figures, and print a table in Markdown; 1 if a function misses a target."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is started")
    parser.add_argument("--only", default="", help="functions with this in their names")
    arguments = parser.parse_args()
    python = install_packages()
    with TemporaryDirectory() as folder, serving() as api:
        programs = [each for each in functions(folder) if arguments.only in each.name]
        kinds = {each.name: _kind(python, each) for each in programs}
        compared = {each.name: each for kind in kinds.values() for each in _compared(kind)}
        times: dict[str, list[tuple[float, float]]] = {}
        for number in range(arguments.rounds + 1):
            for each in (*compared.values(), *programs):
                took = start(python, each, api, depth=DEPTHS[number % len(DEPTHS)])
                if number:  # In the first round, files are read from the disk.
                    times.setdefault(each.name, []).append(took)
    figures = {
        name: {"clients": kind["clients"], "packages": kind["packages"], "function": times[name]}
        | {case: times[each.name]
           for case, each in zip(CASE_NAMES, _compared(kind), strict=True)}
        for name, kind in kinds.items()
    }  # fmt: skip
    if not arguments.only:
        write_figures("cold_start", {"milliseconds": "wall clock, CPU", "functions": figures})
    print("\n".join(render_table(figures)))
    return 0 if all(meets_targets(each) for each in figures.values()) else 1


def install_packages() -> str:
    """Install the packages that are compared; return the Python that has them.

    Raises:
        SystemExit: this Python is not the functions' version.
    """
    if f"python{sys.version_info.major}.{sys.version_info.minor}" != RUNTIME.name:
        sys.exit(f"run this with {RUNTIME.name}, on which functions run")
    lock = ROOT / "bench" / "cold-start.txt"
    python = PACKAGES / sha256(lock.read_bytes()).hexdigest()[:16] / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, python.parents[1]],
                       check=True)  # fmt: skip
        subprocess.run(
            ["uv", "pip", "install", "--quiet", "--system-certs", "--compile-bytecode",
             "--require-hashes", "--only-binary=:all:", "--python", python, "-r", lock],
            check=True,
        )  # fmt: skip
    return str(python)


def functions(folder: str) -> Iterator[Program]:
    """Yield every function of the environment with all options, as it is deployed."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(
        context={**context, CONTEXT: sys.executable},
        outdir=folder,
        builtin_cloud_formation_validation=False,
        analytics_reporting=False,
    )
    compose(app, LAPTOP)
    for stack in app.synth().stacks:
        resources = stack.template["Resources"]
        for resource in resources.values():
            if resource["Type"] != "AWS::Lambda::Function":
                continue
            properties = resource["Properties"]
            layers = [
                _asset(folder, resources[layer["Ref"]]["Properties"]["Content"]) + "/python"
                if "Ref" in layer
                else ""
                for layer in properties.get("Layers", [])
            ]
            variables = properties.get("Environment", {}).get("Variables", {})
            handler = properties["Handler"]
            yield Program(
                name=handler.removesuffix(".handler").partition(".")[2],
                handler=handler,
                paths=(_asset(folder, properties["Code"]), *layers),
                settings={name: value if isinstance(value, str) else "arn:aws:x:us-east-1:1:a:b"
                          for name, value in variables.items()},
            )  # fmt: skip


def _asset(folder: str, location: Mapping[str, str]) -> str:
    return str(Path(folder) / f"asset.{location['S3Key'].removesuffix('.zip')}")


def _kind(python: str, program: Program) -> Kind:
    """Return the AWS clients and packages that a function has once it is imported."""
    command = [python, str(CASES / "record.py"), program.handler]
    recorded = subprocess.run(
        command, env=environment(program), capture_output=True, text=True, check=False
    )
    if recorded.returncode:
        sys.exit(f"{program.name} cannot be imported:\n{recorded.stderr}")
    kind: Kind = json.loads(recorded.stdout) | {"paths": program.paths[1:]}
    return kind


def _compared(kind: Kind) -> Iterator[Program]:
    """Yield the programs to compare functions of this kind with, in the order of CASE_NAMES."""
    settings = {
        "CASE_CLIENTS": json.dumps(kind["clients"]),
        "CASE_PACKAGES": json.dumps(kind["packages"]),
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
    }
    identity = ",".join((*kind["clients"], *kind["packages"]))
    for case in CASE_NAMES:
        yield Program(
            name=case if case == "empty" else f"{case}:{identity}",
            handler=f"bench.cold_start_cases.{case}.handler",
            paths=(str(ROOT), *kind["paths"]),
            settings=settings,
        )


def environment(program: Program) -> dict[str, str]:
    """Return the environment variables of a function's process, without any of this one's."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": program.name,
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "LAMBDA_TASK_ROOT": program.paths[0],
        "PYTHONPATH": os.pathsep.join(program.paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": ":UTC",
        **program.settings,
    }


def start(python: str, program: Program, api: RuntimeApi, *, depth: int) -> tuple[float, float]:
    """Start a function; return the milliseconds until it asks for an event: wall clock, and CPU."""
    variables = {**environment(program), "AWS_LAMBDA_RUNTIME_API": api.address}
    command = [python, str(CASES / "start.py"), program.handler, str(depth)]
    began = perf_counter()
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)
    try:
        ended = api.await_first_request()
    finally:
        process.kill()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    cpu = used.ru_utime + used.ru_stime
    return round(1000 * (ended - began), 1), round(1000 * cpu, 1)


def median(times: Sequence[tuple[float, float]], which: int = 1) -> float:
    """Return the median of the wall clock (0) or of the CPU (1)."""
    return statistics.median(each[which] for each in times)


def meets_targets(figure: Mapping[str, Any]) -> bool:
    """Return whether a function's start is within the targets."""
    own = median(figure["function"])
    return own <= PLAIN_LIMIT * median(figure["plain"]) and (
        own <= ALL_IN_LIMIT * median(figure["all_in"])
    )


def render_table(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the table: medians of the CPU, with the spread, and of the wall clock."""
    yield (
        "| function | ms of CPU (p10 to p90) | empty | plain | all-in | × plain | × all-in "
        "| ms by the clock |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for name, figure in sorted(figures.items()):
        own, empty, plain, all_in = (median(figure[case]) for case in ("function", *CASE_NAMES))
        spread = sorted(cpu for _, cpu in figure["function"])
        low, high = spread[len(spread) // 10], spread[-1 - len(spread) // 10]
        yield (
            f"| {name} | {own:.0f} ({low:.0f} to {high:.0f}) "
            f"| {empty:.0f} | {plain:.0f} | {all_in:.0f} "
            f"| {own / plain:.2f} | {own / all_in:.2f} | {median(figure['function'], 0):.0f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
