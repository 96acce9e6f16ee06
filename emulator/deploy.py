"""Deploy an app to the local cloud with the CDK command line, as to AWS."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from emulator import template_check
from emulator.cloud import Cloud, CloudError

Progress = Callable[[str], None]

_ROOT = Path(__file__).resolve().parent.parent
_CLI = _ROOT / "node_modules" / ".bin" / "cdk"
_QUIET = ("--no-notices", "--no-version-reporting", "--no-color")
_LAST_LINES = 20
_BOOTSTRAPPED = "/cdk-bootstrap/hnb659fds/version"


def context_options(context: Mapping[str, str]) -> list[str]:
    """Return the CDK command line's options for a context."""
    return [part for name, value in context.items() for part in ("-c", f"{name}={value}")]


def deploy(
    cloud: Cloud,
    *,
    assembly: Path | None = None,
    context: Mapping[str, str] = {},
    stack: str | None = None,
    concurrency: int = 8,
    drifted: Set[str] = frozenset(),
    progress: Progress,
) -> dict[str, str]:
    """Deploy every stack of an app and return the outputs of all of them.

    Args:
        cloud: The local cloud.
        assembly: The cloud assembly to deploy; without it, this repository's app is synthesized.
        context: The CDK context of the synthesis.
        stack: The one stack to deploy, with those it depends on; without it, all of them.
        concurrency: How many stacks are deployed at a time; with 1, they are deployed one by one in
            the order of their dependencies, as `make deploy` does.
        drifted: Properties that were changed past the templates, such as
            `AWS::Kinesis::Stream.ShardCount`.
        progress: Is called with each line that the command line writes.

    Raises:
        CloudError: The local cloud would ignore a part of a template (nothing is deployed then),
            the command line failed, or a service does not return what a template says.
    """
    if not _CLI.exists():
        raise CloudError("The CDK command line is missing: run 'npm ci'.")
    outputs = cloud.directory / "outputs.json"
    started: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(1) as background, _killed_on_error(started):
        bootstrapped = background.submit(_bootstrap, cloud, progress, started)
        if assembly is None:
            assembly = cloud.directory / "cdk.out"
            options = context_options(context)
            _cdk(cloud, progress, "synth", "--quiet", *options, "--output", assembly, cwd=_ROOT)
        templates = template_check.templates(assembly)
        template_check.check_templates(templates)
        bootstrapped.result()
    _cdk(
        cloud,
        progress,
        "deploy", stack or "--all", "--app", assembly.resolve(), "--require-approval", "never",
        "--concurrency", str(concurrency), "--outputs-file", outputs,
    )  # fmt: skip
    stacks: dict[str, dict[str, str]] = json.loads(outputs.read_text())
    template_check.verify_deployment(
        cloud,
        {name: templates[name] for name in (stacks if stack else templates)},
        drifted=drifted,
    )
    return {name: value for stack in stacks.values() for name, value in stack.items()}


@contextmanager
def _killed_on_error(processes: Iterable[subprocess.Popen[str]]) -> Iterator[None]:
    """Kill the processes and what they started if the block fails, so that no call waits for them.

    Each leads a process group: the app, and the Node process of its constructs, are children of it.
    """
    try:
        yield
    except BaseException:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        raise


def _bootstrap(cloud: Cloud, progress: Progress, started: list[subprocess.Popen[str]]) -> None:
    parameters = cloud.client("ssm").get_parameters(Names=[_BOOTSTRAPPED])["Parameters"]
    if not parameters:
        # In a directory without cdk.json: to bootstrap an environment, the app is not synthesized.
        account = f"aws://{cloud.account}/{cloud.region}"
        _cdk(cloud, progress, "bootstrap", account, started=started)


def _cdk(
    cloud: Cloud,
    progress: Progress,
    command: str,
    *arguments: str | Path,
    cwd: Path | None = None,
    started: list[subprocess.Popen[str]] | None = None,
) -> None:
    """Run the CDK command line; its process is added to ``started``.

    Raises:
        CloudError: The command line failed.
    """
    # The app's temporary files end with the cloud, even if the app is killed.
    scratch = cloud.directory / "cdk.tmp"
    scratch.mkdir(mode=0o700, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {
        **inherited,
        **cloud.environment(),
        # cdk.json runs `python3`: this has to be the interpreter that has the app's requirements.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "TMPDIR": str(scratch),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
        # Each of these features would wait for the network.
        "CDK_DISABLE_VERSION_CHECK": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        # The command line sets FORCE_COLOR for the app, whose error would be shown with escapes.
        "PYTHON_COLORS": "0",
        # With it, the app would have its templates validated, which takes as long as to make them.
        "CI": "",
    }
    if not os.access(Path.home(), os.W_OK):
        # jsii would keep an unpacked copy of its packages there.
        environment["JSII_RUNTIME_PACKAGE_CACHE"] = "disabled"
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with (
        subprocess.Popen(
            [_CLI, command, "--ci", *_QUIET, *arguments],
            cwd=cwd or cloud.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process,
        _killed_on_error([process]),
    ):
        if started is not None:
            started.append(process)
        for line in process.stdout or ():
            last.append(line.rstrip())
            progress(line.rstrip())
    if process.returncode:
        raise CloudError(f"cdk {command} failed; its output ends with:\n" + "\n".join(last))
