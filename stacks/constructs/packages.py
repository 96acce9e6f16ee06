"""Third-party packages: for functions as a layer, for workers as a folder."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import PackagePath, distribution, version
from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.function import ROOT, RUNTIME


class PackagesLayer(lambda_.LayerVersion):
    """Pure-Python packages, copied from where the app itself runs.

    They are the versions that ``requirements.txt`` pins, so neither Docker nor an index is needed
    to synthesize, and the layer's hash changes only with them.
    """

    def __init__(self, scope: Construct, id: str, *, packages: Sequence[str]) -> None:
        """Declare the layer; ``packages`` names each distribution, dependencies included."""
        super().__init__(
            scope,
            id,
            code=lambda_.Code.from_asset(str(packages_folder(packages))),
            compatible_runtimes=[RUNTIME],
            description=", ".join(packages),
        )


def packages_folder(packages: Sequence[str], data: Sequence[str] = ()) -> Path:
    """The folder that holds the packages in ``python``; it is complete as soon as it is there.

    Of their files that are not code, only those are in it whose path begins as one of ``data``.
    """
    versions = " ".join([*(f"{package}-{version(package)}" for package in packages), *data])
    folder = ROOT / "build" / "layers" / sha256(versions.encode()).hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "layer"
            for package in packages:
                _copy(package, made / "python", tuple(data))
            # Another synthesis may have made it meanwhile, out of the same versions.
            with suppress(OSError):
                made.rename(folder)
    return folder


def _copy(package: str, folder: Path, data: tuple[str, ...]) -> None:
    for file in distribution(package).files or ():
        if _belongs(file) or file.as_posix().startswith(data):
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target)


def _belongs(file: PackagePath) -> bool:
    """Whether the file is code, its licence, or the METADATA that holds its version."""
    if ".." in file.parts:
        return False
    if file.parts[0].endswith(".dist-info"):
        return file.name == "METADATA" or "licenses" in file.parts or "LICENSE" in file.name
    return file.suffix == ".py"
