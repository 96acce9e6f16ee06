"""Third-party packages: a layer for functions, a folder for workers."""

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
    """Pure-Python packages, copied from the environment in which the app runs.

    Their versions are those that ``requirements.txt`` pins. Synthesis needs neither Docker nor a
    package index, and the layer's hash changes only with a version.
    """

    def __init__(self, scope: Construct, id: str, *, packages: Sequence[str]) -> None:
        """Declare the layer; ``packages`` names each distribution, including dependencies."""
        super().__init__(
            scope,
            id,
            code=lambda_.Code.from_asset(str(packages_folder(packages))),
            compatible_runtimes=[RUNTIME],
            description=", ".join(packages),
        )


def packages_folder(packages: Sequence[str], data: Sequence[str] = ()) -> Path:
    """Return a folder with the packages in ``python``; create it if it is not there.

    Data files are included only where their path begins with one of ``data``.
    """
    versions = " ".join([*(f"{package}-{version(package)}" for package in packages), *data])
    folder = ROOT / "build" / "layers" / sha256(versions.encode()).hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / "layer"
            for package in packages:
                _copy(package, made / "python", tuple(data))
            # A concurrent synthesis may have created it, from the same versions.
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
    """Return whether the file is code, a licence, or the METADATA with the version."""
    if ".." in file.parts:
        return False
    if file.parts[0].endswith(".dist-info"):
        return file.name == "METADATA" or "licenses" in file.parts or "LICENSE" in file.name
    return file.suffix == ".py"
