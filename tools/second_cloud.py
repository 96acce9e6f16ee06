"""``make second-cloud``: deploy the synthesized stacks in moto, another emulator of AWS.

What moto refuses is left out, and all is tried again without it. Prints how many resources of each
type moto took, and why it took no others. Ends with 1 if it refuses a type that is not in
``EXPECTED``: then moto or our template is wrong, and a person has to look.

moto is in an environment of its own (``requirements-second-cloud.in``). No request leaves the
process, and no function runs.
"""

import io
import json
import logging
import os
import sys
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-west-1"
EXPECTED: Mapping[str, str] = {
    "AWS::Events::Archive": "a pattern is an object in a template; moto reads a text",
    "AWS::Events::EventBus": "a partner's event source is made by the partner",
    "AWS::Events::Rule": "moto's Ref of a bus is not its name",
    "AWS::Lambda::EventSourceMapping": "its function was refused, or its source is not known",
    "AWS::Lambda::Function": "moto takes no parameter as the index of Fn::Select",
    "AWS::Lambda::Permission": "its function was refused",
}
"""Types whose resources moto refuses, some or all, and AWS takes; each with the reason."""

Template = dict[str, Any]


@dataclass(slots=True)
class SecondCloud:
    """The stacks as far as moto takes them."""

    stacks: Mapping[str, Template]
    unknown: Counter[str] = field(default_factory=Counter)
    """By type, the resources that moto's CloudFormation does not know."""
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By ``Stack/Id``, the type and the reason of what it refuses."""
    taken: Counter[str] = field(default_factory=Counter)

    def deploy(self) -> None:
        """Deploy all stacks, again and again, each time without one more resource."""
        moto: Any = import_module("moto")
        more = True
        while more:
            with moto.mock_aws():
                more = not self._deploy_all()

    def lines(self) -> Iterator[str]:
        """Yield a line for each type."""
        reasons = dict(self.refused.values())
        for type in sorted({*self.taken, *self.unknown, *reasons}):
            refused = sum(type == each for each, _ in self.refused.values())
            of = self.taken[type] + self.unknown[type] + refused
            why = reasons.get(type) or ("moto does not know it" if self.unknown[type] else "")
            yield f"{self.taken[type]:4} of {of:4} {type}{': ' * bool(why)}{why}"

    def unexpected(self) -> set[str]:
        """Return the types that are refused without being expected."""
        return {type for type, _ in self.refused.values()} - EXPECTED.keys()

    def _deploy_all(self) -> bool:
        """Return whether all was taken; otherwise note what was refused first."""
        backends: Any = import_module("moto.cloudformation.models").cloudformation_backends
        outputs: dict[tuple[str, str], str] = {}
        backend, assets = backends[ACCOUNT][REGION], Assets()
        self.taken, self.unknown = Counter(), Counter()
        for name, declared in self.stacks.items():
            template = self._reduced(name, resolved(declared, outputs), assets)
            try:
                stack: Any = backend.create_stack(name, json.dumps(template), parameters={})
            except Exception as error:
                id = resource_in(error.__traceback__)
                if id not in template["Resources"]:
                    raise
                reason = getattr(error, "message", "") or repr(error)
                self.refused[f"{name}/{id}"] = (template["Resources"][id]["Type"], reason)
                return False
            self.taken.update(resource["Type"] for resource in template["Resources"].values())
            for key in template.get("Outputs", ()):
                outputs[name, key] = output(stack, key)
        return True

    def _reduced(self, name: str, template: Template, assets: "Assets") -> Template:
        """Return what moto may take of a template, and store the code that it refers to."""
        parsing: Any = import_module("moto.cloudformation.parsing")
        template = {key: value for key, value in template.items() if key != "Rules"}
        template["Parameters"] = {
            key: value
            for key, value in template["Parameters"].items()
            if not value["Type"].startswith("AWS::SSM")
        }
        for id in list(template["Resources"]):
            resource = template["Resources"][id]
            # A custom resource would call its function.
            known = not resource["Type"].startswith("Custom::") and (
                parsing.resource_class_from_type(resource["Type"]) is not None
            )
            self.unknown[resource["Type"]] += not known
            if not known or f"{name}/{id}" in self.refused:
                del template["Resources"][id]
                template = replaced(template, id)
            elif resource["Type"] == "AWS::SQS::Queue" and "FifoQueue" in resource["Properties"]:
                # AWS makes a name that ends in .fifo; moto makes one without.
                resource["Properties"]["QueueName"] = f"{id}.fifo"
            else:
                assets.store(resource["Properties"])
        return template


class Assets:
    """The bucket of the CDK's assets. Each holds an empty archive."""

    def __init__(self) -> None:
        self._s3: Any = import_module("boto3").client("s3", region_name=REGION)
        self._bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
        here = {"LocationConstraint": REGION}
        self._s3.create_bucket(Bucket=self._bucket, CreateBucketConfiguration=here)

    def store(self, properties: Mapping[str, Any]) -> None:
        """Store the archive where a function or layer has its code."""
        code = properties.get("Code") or properties.get("Content") or {}
        if "S3Key" in code:
            empty = io.BytesIO()
            zipfile.ZipFile(empty, "w").close()
            self._s3.put_object(Bucket=self._bucket, Key=code["S3Key"], Body=empty.getvalue())


def read_stacks(assembly: Path) -> Iterator[tuple[str, Template]]:
    """Yield each stack's name and template, after those that it depends on."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    waiting = {n: a for n, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}
    while waiting:
        name = next(n for n, a in waiting.items() if not waiting.keys() & a.get("dependencies", ()))
        file = assembly / waiting.pop(name)["properties"]["templateFile"]
        yield name, json.loads(file.read_text())


def output(stack: Any, key: str) -> str:
    """Return an output; a text in place of one that moto cannot compute."""
    try:
        return str(stack.output_map[key].value)
    except Exception:  # noqa: BLE001 -- it comes of what was left out
        return placeholder(key)


def placeholder(id: str) -> str:
    """Return an ARN that names nothing."""
    return f"arn:aws:service:{REGION}:{ACCOUNT}:{id}"


def resource_in(traceback: TracebackType | None) -> str:
    """Return the logical id of the resource that moto was creating; the innermost one."""
    found = ""
    while traceback:
        found = traceback.tb_frame.f_locals.get("logical_id", found) or found
        traceback = traceback.tb_next
    return found


def replaced(value: Any, id: str) -> Any:
    """Return a template without references to a resource."""
    if isinstance(value, list):
        return [replaced(each, id) for each in value if each != id]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": id} or (value.get("Fn::GetAtt") or [""])[0] == id:
        return placeholder(id)
    return {
        key: replaced(each, id) for key, each in value.items() if (key, each) != ("DependsOn", id)
    }


def resolved(value: Any, outputs: Mapping[tuple[str, str], str]) -> Any:
    """Return a template with the values that it takes from other stacks' outputs."""
    if isinstance(value, list):
        return [resolved(each, outputs) for each in value]
    if not isinstance(value, dict):
        return value
    if source := value.get("Fn::GetStackOutput"):
        return outputs[source["StackName"], source["OutputName"]]
    return {key: resolved(each, outputs) for key, each in value.items()}


def main(assembly: Path) -> int:
    """Deploy what an assembly has, and print a line for each type."""
    os.environ.update(dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "x"))
    os.environ["AWS_DEFAULT_REGION"] = REGION
    warnings.simplefilter("ignore")
    logging.disable()
    cloud = SecondCloud(dict(read_stacks(assembly)))
    cloud.deploy()
    sys.stdout.writelines(f"{line}\n" for line in cloud.lines())
    for type in sorted(cloud.unexpected()):
        sys.stderr.write(f"{type}: refused, and not in EXPECTED of tools/second_cloud.py\n")
    return bool(cloud.unexpected())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
