"""The deployed stacks of an environment, as CloudFormation reports them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, InvalidRegionError

from ops.dlq.templates import DeployedStack, Resource, Templates
from ops.first_contact import FirstContact
from stacks.names import stack_name

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
UNMADE = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}
"""States of a stack without resources: its creation was not begun, or was rolled back.

The next deployment creates it.
"""
CHOOSE = "deploy it, or choose another --env or Region"
"""What to do if a stack is not there."""
FINISH = "finish the deployment"
"""What to do if a part of the platform is not there."""
CONFIG = Config(
    connect_timeout=5,
    max_pool_connections=40,
    retries={"mode": "standard", "total_max_attempts": 10},
)
"""Once AWS has answered. Before, one connection error ends the command: see ``FirstContact``."""
ASKED_FIRST = ("cloudformation", "sts")
"""The services that commands ask first; they answer at once."""
PROMPT_CONFIG = CONFIG.merge(Config(read_timeout=20))
"""For these, so that an endpoint that never answers does not end a command after a minute only."""


class OperationError(Exception):
    """The command cannot do what was requested. The message says why, in one line."""


class Outputs(dict[str, str]):
    """The outputs of a stack. One that it does not have is an ``OperationError``."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        super().__init__(
            {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        )
        self._stack = f"the stack {stack['StackName']}, {stack['StackStatus']},"

    def __missing__(self, name: str) -> NoReturn:
        raise OperationError(
            f"{self._stack} has no output {name}: finish its deployment, or use its version's code"
        )


def named(templates: Templates, name: str) -> Resource:
    """Return the resource of this name, such as ``orders/Repair``.

    Raises:
        OperationError: it is not deployed, or not yet.
    """
    found = next((each for each in templates.resources() if each.name == name), None)
    if found is None or not found.physical:
        raise OperationError(f"{name} is not deployed: {FINISH}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The stacks of an environment, accessed with the operator's credentials and Region."""

    session: Any
    environment: str

    @property
    def is_local(self) -> bool:
        """Whether this is the local cloud: the endpoint's host is this machine."""
        endpoint = self.client("cloudformation").meta.endpoint_url
        return urlsplit(endpoint).hostname in LOOPBACK

    def client(self, service: str) -> Any:
        """Return boto3's client of a service.

        Raises:
            OperationError: the configured endpoint is not a URL.
            InvalidRegionError: the Region's name cannot be one.
        """
        try:
            config = PROMPT_CONFIG if service in ASKED_FIRST else CONFIG
            client = self.session.client(service, config=config)
            # botocore checks the configured endpoint, but not its port.
            urlsplit(client.meta.endpoint_url).port  # noqa: B018
        except InvalidRegionError:
            raise
        except ValueError as error:
            raise OperationError(
                f"the endpoint in AWS_ENDPOINT_URL or the profile is not valid: {error}"
            ) from error
        return client

    def templates(self) -> Templates:
        """Return the templates of this environment's stacks.

        Raises:
            OperationError: nothing is deployed.
        """
        found = self.all_templates()
        if not found.by_stack:
            raise OperationError(
                f"there is no stack {self._name('')}… in {self.session.region_name}: {CHOOSE}"
            )
        return found

    def all_templates(self) -> Templates:
        """Return the templates of this environment's stacks; none if nothing is deployed."""
        stacks = self.client("cloudformation")
        pages = stacks.get_paginator("describe_stacks").paginate()
        prefix = self._name("")
        names = [
            each["StackName"]
            for page in pages
            for each in page["Stacks"]
            if each["StackName"].startswith(prefix) and each["StackStatus"] not in UNMADE
        ]
        return Templates({name: self._stack(stacks, name) for name in names})

    def table(self, name: str) -> Any:
        """Return boto3's DynamoDB table of that name."""
        return self.session.resource("dynamodb", config=CONFIG).Table(name)

    def outputs(self, stack: str) -> Mapping[str, str]:
        """Return the outputs of a service's stack."""
        return Outputs(self._describe(stack))

    def parameters(self, stack: str) -> Mapping[str, str]:
        """Return the parameters of a service's stack."""
        return _parameters(self._describe(stack))

    def outputs_and_parameters(self, stack: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return the outputs and the parameters of a service's stack, which belong together.

        Raises:
            OperationError: it is being updated, or that failed. Its outputs may be the old ones.
        """
        described = self._describe(stack)
        name, status = described["StackName"], described["StackStatus"]
        if status.endswith("_IN_PROGRESS"):
            raise OperationError(f"{name} is in {status}: wait for the end, and run this again")
        if status.endswith("_FAILED"):
            raise OperationError(f"{name} is in {status}: make preflight says what ends that")
        return Outputs(described), _parameters(described)

    def change(
        self, stack: str, parameter: str, value: str, *, meanwhile: Callable[[], object]
    ) -> None:
        """Update a stack with another value of a parameter. Call ``meanwhile`` until it is done.

        Raises:
            OperationError: the update failed.
        """
        name = self._name(stack)
        parameters = [
            {"ParameterKey": key, "UsePreviousValue": True}
            for key in self.parameters(stack)
            if key != parameter
        ]
        self.client("cloudformation").update_stack(
            StackName=name,
            UsePreviousTemplate=True,
            Capabilities=CAPABILITIES,
            Parameters=[*parameters, {"ParameterKey": parameter, "ParameterValue": value}],
        )
        while (status := self._describe(stack)["StackStatus"]) != "UPDATE_COMPLETE":
            if status.endswith("_COMPLETE") or status.endswith("_FAILED"):
                raise OperationError(f"{name} could not be changed: it is in {status}")
            meanwhile()
            time.sleep(1)

    def _stack(self, stacks: Any, name: str) -> DeployedStack:
        body = stacks.get_template(StackName=name)["TemplateBody"]
        pages = stacks.get_paginator("list_stack_resources").paginate(StackName=name)
        return DeployedStack(
            # boto3 parses a JSON template, and returns a template in YAML as text.
            json.loads(body) if isinstance(body, str) else body,
            {
                each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
                for page in pages
                for each in page["StackResourceSummaries"]
            },
        )

    def _describe(self, stack: str) -> Mapping[str, Any]:
        name = self._name(stack)
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=name)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            region = self.session.region_name
            raise OperationError(f"there is no stack {name} in {region}: {CHOOSE}") from None
        return dict(answer["Stacks"][0])

    def _name(self, stack: str) -> str:
        return stack_name(self.environment, stack)


def _parameters(described: Mapping[str, Any]) -> Mapping[str, str]:
    return {p["ParameterKey"]: p["ParameterValue"] for p in described.get("Parameters", [])}


def deployed(environment: str) -> Deployed:
    """Return the environment of this name, with the operator's credentials and Region.

    Raises:
        OperationError: there are no credentials, they cannot be read, or there is no Region.
    """
    session = boto3.Session()
    if not session.region_name:
        raise OperationError("no region: set AWS_DEFAULT_REGION, or name a profile that has one")
    try:
        credentials = session.get_credentials()
    except (ValueError, KeyError) as error:
        # What a configured program or host answered is not what botocore expects.
        raise OperationError(f"the configured credentials cannot be read: {error}") from error
    if credentials is None:
        raise OperationError("no credentials: log in, or name a profile with AWS_PROFILE")
    FirstContact().watch(session)
    return Deployed(session=session, environment=environment)
