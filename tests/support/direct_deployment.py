"""Deploy a synthesized app without the CDK's command line, which takes ten seconds of a core.

What is deployed is the same: the assembly's files go to the bucket for assets, and CloudFormation
makes the stacks of its templates. The demo and some tests use the command line, as a user does.
"""

import io
import json
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from emulator import template_check
from emulator.cloud import Cloud
from emulator.polling import poll
from tests.support.waiting import TIMEOUT_SECONDS

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
"""The parameter in which CDK stacks look up whether their account can take them."""


def deploy_directly(cloud: Cloud, *, assembly: Path) -> dict[str, str]:
    """Deploy every stack to a cloud without any; return the outputs of all of them.

    Raises:
        CloudError: The local cloud would ignore a part of a template (nothing is deployed then),
            or a service does not return what a template says.
    """
    templates = template_check.templates(assembly)
    template_check.check_templates(templates)
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    cloud.client("ssm").put_parameter(Name=BOOTSTRAP_VERSION, Value="99", Type="String")
    _upload_assets(cloud, assembly, templates)
    outputs: dict[str, str] = {}
    order = TopologicalSorter(
        {name: set(artifacts[name].get("dependencies", ())) & set(templates) for name in templates}
    )
    order.prepare()
    with ThreadPoolExecutor(len(templates)) as pool:
        while order.is_active():
            ready = order.get_ready()
            urls = (artifacts[name]["properties"]["stackTemplateAssetObjectUrl"] for name in ready)
            for made in pool.map(lambda name, url: _make_stack(cloud, name, url), ready, urls):
                outputs |= made
            order.done(*ready)
    template_check.verify_deployment(cloud, templates)
    return outputs


def _upload_assets(cloud: Cloud, assembly: Path, stacks: Iterable[str]) -> None:
    """Put the files, and the folders as archives, where the stacks look for them."""
    s3 = cloud.client("s3")
    buckets = set[str]()
    for stack in stacks:
        manifest = json.loads((assembly / f"{stack}.assets.json").read_text())
        for asset in manifest["files"].values():
            path = assembly / asset["source"]["path"]
            content = path.read_bytes() if path.is_file() else _zipped(path)
            for place in asset["destinations"].values():
                bucket = _resolved(cloud, place["bucketName"])
                if bucket not in buckets:
                    where = {"LocationConstraint": cloud.region}
                    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
                    buckets.add(bucket)
                s3.put_object(Bucket=bucket, Key=place["objectKey"], Body=content)


def _zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return content.getvalue()


def _make_stack(cloud: Cloud, name: str, template: str) -> dict[str, str]:
    """Make a stack of the template at an ``s3:`` URL; return its outputs."""
    cloudformation = cloud.client("cloudformation")
    bucket, _, key = _resolved(cloud, template).removeprefix("s3://").partition("/")
    url = f"https://s3.{cloud.region}.amazonaws.com/{bucket}/{key}"
    cloudformation.create_stack(
        StackName=name, TemplateURL=url, Capabilities=["CAPABILITY_NAMED_IAM"]
    )

    def ended() -> Any:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    stack = poll(ended, seconds=TIMEOUT_SECONDS, interval=0.2)
    assert stack and stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}


def _resolved(cloud: Cloud, text: str) -> str:
    """Return a text of the assembly with the account and the region of the cloud."""
    return text.replace("${AWS::AccountId}", cloud.account).replace("${AWS::Region}", cloud.region)
