"""Third-party packages: a layer for functions, a folder for workers."""

import shutil
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import PackagePath, distribution, version
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.assets import ROOT, RUNTIME, code_asset, compiler, kept_folder


class PackagesLayer(lambda_.LayerVersion):
    """Pure-Python packages, copied from the environment in which the app runs.

    Their versions are those that ``requirements.txt`` pins. Synthesis needs neither Docker nor a
    package index, and the layer's hash changes only with a version, or with the functions' runtime.
    """

    def __init__(self, scope: Construct, id: str, *, packages: Sequence[str]) -> None:
        """Declare the layer; ``packages`` names each distribution, including dependencies."""

        def fill(folder: Path) -> None:
            for package in packages:
                _copy(package, folder / "python", ())

        super().__init__(
            scope,
            id,
            code=code_asset(
                fill, source=_versions(packages), mounted="/opt", python=compiler(scope)
            ),
            compatible_runtimes=[RUNTIME],
            description=", ".join(packages),
        )


def packages_folder(packages: Sequence[str], data: Sequence[str]) -> Path:
    """Return a folder with the packages in ``python``; create the folder if it does not exist.

    Of the data files, only those are included whose path begins with one of ``data``.
    """

    def fill(folder: Path) -> None:
        for package in packages:
            _copy(package, folder / "python", tuple(data))

    identity = " ".join([_versions(packages), *data])
    name = sha256(identity.encode()).hexdigest()[:16]
    return kept_folder(ROOT / "build" / "packages" / name, fill)


def _versions(packages: Sequence[str]) -> str:
    return " ".join(f"{package}-{version(package)}" for package in packages)


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
