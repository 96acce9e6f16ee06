"""Third-party packages for functions, as a layer."""

import shutil
from collections.abc import Sequence
from importlib.metadata import PackagePath, distribution

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.components.function import ROOT


class PackagesLayer(lambda_.LayerVersion):
    """Pure-Python packages, copied from where the app itself runs.

    They are the versions that ``requirements.txt`` pins, so neither Docker nor an index is needed
    to synthesize, and the layer's hash changes only with them.
    """

    def __init__(self, scope: Construct, id: str, *, packages: Sequence[str]) -> None:
        """Declare the layer; ``packages`` names each distribution, dependencies included."""
        folder = ROOT / "build" / "layers" / id
        shutil.rmtree(folder, ignore_errors=True)
        for package in packages:
            for file in distribution(package).files or ():
                if _belongs(file):
                    target = folder / "python" / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file.locate(), target)
        super().__init__(
            scope,
            id,
            code=lambda_.Code.from_asset(str(folder)),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_14],
            description=", ".join(packages),
        )


def _belongs(file: PackagePath) -> bool:
    """Whether the file is code, its licence, or the METADATA that holds its version."""
    if ".." in file.parts:
        return False
    if file.parts[0].endswith(".dist-info"):
        return file.name == "METADATA" or "licenses" in file.parts or "LICENSE" in file.name
    return file.suffix == ".py"
