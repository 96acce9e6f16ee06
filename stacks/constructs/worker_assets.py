"""The assets that an instance downloads at launch: the worker's code and its packages."""

from collections.abc import Mapping, Sequence

from aws_cdk import IgnoreMode
from aws_cdk import aws_ec2 as ec2
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from stacks.constructs.assets import ROOT
from stacks.constructs.packages import packages_folder

PACKAGES = ("boto3", "botocore", "jmespath", "s3transfer", "python-dateutil", "six", "urllib3")
BOTO_DATA_FILES = (
    "botocore/cacert.pem",
    "botocore/data/_retry.json",
    "botocore/data/endpoints.json",
    "botocore/data/partitions.json",
    "botocore/data/sdk-default-configuration.json",
    *(f"botocore/data/{service}/" for service in ("dynamodb", "events", "sqs")),
)
"""What boto3 needs besides code, of the services that workers call: the whole would be 27 MB."""


class WorkerAssets:
    """The assets of a worker group, which are children of the group's construct."""

    def __init__(self, scope: Construct, *, service: str) -> None:
        """``service`` is a package of ``workers``."""
        self._code = Asset(
            scope,
            "Code",
            path=str(ROOT),
            ignore_mode=IgnoreMode.GIT,
            exclude=worker_asset_exclude(service),
        )
        self._packages = Asset(
            scope, "Packages", path=str(packages_folder(PACKAGES, BOTO_DATA_FILES))
        )
        self.object_arns = [
            asset.bucket.arn_for_objects(asset.s3_object_key)
            for asset in (self._code, self._packages)
        ]
        """The objects that an instance has to read."""

    def user_data(self, settings: Mapping[str, str]) -> ec2.UserData:
        """Return the user data that installs the worker with ``settings`` as its environment."""
        user_data = ec2.UserData.for_linux()
        user_data.add_commands(
            "set -euo pipefail",
            "cat > /etc/worker.env <<'END'",
            *(f"{name}={value}" for name, value in settings.items()),
            "END",
            *_fetch(self._code, "/opt/worker"),
            *_fetch(self._packages, "/opt/worker/packages"),
            "bash /opt/worker/workers/host/install.sh",
        )
        return user_data


def _fetch(asset: Asset, folder: str) -> Sequence[str]:
    file = f"/tmp/{asset.node.id}.zip"  # noqa: S108 -- nobody else is on the instance
    return (
        f"mkdir -p {folder}",
        f"aws s3 cp --quiet s3://{asset.s3_bucket_name}/{asset.s3_object_key} {file}",
        f"python3 -m zipfile -e {file} {folder}",
    )


def worker_asset_exclude(service: str) -> list[str]:
    """Return the exclude patterns that leave only the worker's code of the repository.

    That is its own package and the packages that all workers share.
    """
    packages = {"workers": ("host", "runtime", service), "lambdas": ("contracts", "runtime")}
    included = [
        f"!{top}{rest}"
        for top, inner in packages.items()
        for rest in (
            "",
            "/__init__.py",
            *(f"/{name}{all}" for name in inner for all in ("", "/**")),
        )
    ]
    return ["*", *included, "**/__pycache__", "**/README.md"]
