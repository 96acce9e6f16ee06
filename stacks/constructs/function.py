"""A service's Lambda function."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.assets import ROOT, RUNTIME, code_asset, compiler
from stacks.constructs.nag import acknowledge
from stacks.environments import Environment

NOT_TRACED = "a trace costs as much as 25 invocations: only requests to the API are traced (ADR 36)"
NOT_NEWEST = "Python 3.13 starts in 80 ms (p90 87) on arm64, 3.14 in 102 ms (p90 114): ADR 4"


class ServiceFunction(lambda_.Function):
    """A function whose code is one service, the contracts and the runtime adapters.

    It may write to its own log group, which is deleted with the stack, and nothing else until it
    is granted more. By default it is for synchronous invocation: by the HTTP API, a state machine
    or an event source mapping.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        handler: str,
        package: str = "lambdas",
        settings: Mapping[str, str],
        timeout: Duration | None = None,
        memory_mib: int = 256,
        layers: Sequence[lambda_.ILayerVersion] = (),
        entry: bool = False,
        reserved_concurrency: int | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        no_dlq_reason: str = "it is called synchronously: the caller gets the failure",
    ) -> None:
        """Declare the function.

        ``handler`` is a module of ``package``, such as ``inventory.reserve_stock``. ``settings``
        become environment variables. The default time-out is 6 s: DynamoDB answers in milliseconds,
        so a longer wait is a failure, and a retry is better. ``reserved_concurrency`` reserves a
        part of the account's concurrency and limits the function to it. ``entry`` is for one that
        the HTTP API invokes: its requests are traced, where the environment has traces.
        ``dead_letter_queue`` gets the events of failed asynchronous invocations; ``no_dlq_reason``
        says why there is none.
        """
        traced = entry and env.traced
        log_group = logs.LogGroup(
            scope,
            f"{id}Logs",
            retention=env.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(scope, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        super().__init__(
            scope,
            id,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"{package}.{handler}.handler",
            code=service_code(handler.partition(".")[0], package=package, python=compiler(scope)),
            role=role,
            timeout=timeout or Duration.seconds(6),
            memory_size=memory_mib,
            environment=dict(settings),
            layers=list(layers),
            reserved_concurrent_executions=reserved_concurrency,
            dead_letter_queue=dead_letter_queue,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # Without its own tracing, a function continues a trace that its caller began.
            tracing=lambda_.Tracing.ACTIVE if traced else lambda_.Tracing.DISABLED,
        )
        for rule in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"):
            acknowledge(self, rule, reason=NOT_NEWEST)
        if traced:
            acknowledge(
                role,
                "AwsSolutions-IAM5[Resource::*]",
                reason="X-Ray's PutTraceSegments and PutTelemetryRecords know no resources",
            )
        else:
            acknowledge(self, "Serverless-LambdaTracing", reason=NOT_TRACED)
        if dead_letter_queue is None:
            acknowledge(self, "Serverless-LambdaDLQ", reason=no_dlq_reason)


def service_code(
    service: str, *, package: str = "lambdas", root: Path = ROOT, python: str | None = None
) -> lambda_.Code:
    """Return the asset of one service; a change in another service leaves its hash unchanged.

    ``python`` compiles it; without one, it has sources only.
    """

    def fill(folder: Path) -> None:
        for file in _service_files(root, service, package):
            target = folder / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    source = service_hash(service, package=package, root=root)
    return code_asset(fill, source=source, mounted="/var/task", python=python)


def service_hash(service: str, *, package: str = "lambdas", root: Path = ROOT) -> str:
    """Return the hash of the sources with which a service's functions are deployed."""
    digest = sha256()
    for file in _service_files(root, service, package):
        text = file.read_bytes()
        digest.update(b"%s %d %s" % (file.relative_to(root).as_posix().encode(), len(text), text))
    return digest.hexdigest()


def _service_files(root: Path, service: str, package: str) -> Iterator[Path]:
    for name in sorted({"lambdas", package}):
        yield root / name / "__init__.py"
    for name in ("lambdas/contracts", "lambdas/runtime", f"{package}/{service}"):
        for file in sorted((root / name).rglob("*")):
            if file.is_file() and file.name != "README.md" and "__pycache__" not in file.parts:
                yield file
