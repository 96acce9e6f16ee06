"""What a function is shipped with: its service, the contracts and the runtime, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import Stack

from stacks.constructs import function
from stacks.constructs.function import service_code
from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import FUNCTION
from tests.templates.synthesis import ROOT, Resource, new_app, platform, synthesis

PACKAGES = {
    folder.name: package
    for package in ("lambdas", "simulators")
    for folder in (ROOT / package).iterdir()
    if (folder / "__init__.py").is_file() and folder.name not in ("contracts", "runtime")
}
SERVICES = sorted(PACKAGES)


def service_of(resource: Resource) -> str:
    return str(resource.properties["Handler"].split(".")[1])


def asset_of(resource: Resource) -> str:
    return str(resource.properties["Code"]["S3Key"]).removesuffix(".zip")


def hashes(root: Path, change: str = "") -> dict[str, str]:
    """The asset's hash of each service in a copy of the project with a line added to a file."""
    cache = shutil.ignore_patterns("__pycache__")
    for package in ("lambdas", "simulators"):
        shutil.copytree(ROOT / package, root / package, ignore=cache)
    if change:
        file = root / change
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as text:
            text.write("\n# changed\n")
    app = new_app(outdir=str(root / "out"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(function, "ROOT", root)
        locations = {
            service: service_code(service, package=package)
            .bind(Stack(app, service.replace("_", "-")))
            .s3_location
            for service, package in PACKAGES.items()
        }
    return {name: at.object_key for name, at in locations.items() if at is not None}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return hashes(tmp_path_factory.mktemp("before"))


class TestIndependence:
    def test_services_have_different_asset_hashes(self, before: dict[str, str]):
        assert len(set(before.values())) == len(before) == len(SERVICES)

    @pytest.mark.parametrize("service", SERVICES)
    def test_change_in_a_service_changes_only_its_asset(
        self, before: dict[str, str], tmp_path: Path, service: str
    ):
        after = hashes(tmp_path, f"{PACKAGES[service]}/{service}/__init__.py")

        assert {name for name in SERVICES if before[name] != after[name]} == {service}

    def test_change_in_a_readme_changes_no_asset(self, before: dict[str, str], tmp_path: Path):
        assert hashes(tmp_path, "lambdas/payments/README.md") == before

    @pytest.mark.parametrize("shared", ["contracts/event.py", "runtime/new.py", "__init__.py"])
    def test_change_in_shared_code_changes_every_asset(
        self, before: dict[str, str], tmp_path: Path, shared: str
    ):
        after = hashes(tmp_path, f"lambdas/{shared}")

        assert {name for name in SERVICES if before[name] != after[name]} == set(SERVICES)

    @pytest.mark.parametrize(
        "elsewhere",
        [
            "README.md",
            "tests/unit/orders/test_domain.py",
            "tools/event_docs.py",
            "ops/deployed.py",
            "stacks/orders/stack.py",
            "tools/event_docs.py",
            "docs/events.md",
            "tests/support/modules.py",
            "lambdas/README.md",
            "lambdas/orders/__pycache__/domain.cpython-314.pyc",
            "lambdas/another/domain.py",
            "simulators/another/domain.py",
        ],
    )
    def test_change_elsewhere_changes_no_asset(
        self, before: dict[str, str], tmp_path: Path, elsewhere: str
    ):
        assert hashes(tmp_path, elsewhere) == before


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestContents:
    def test_service_has_one_asset(self, environment: str):
        pairs = {(service_of(f), asset_of(f)) for f in platform(environment).all(FUNCTION)}

        assert len(pairs) == len({service for service, _ in pairs})
        assert len(pairs) == len({asset for _, asset in pairs})

    def test_asset_holds_only_what_the_function_needs(self, environment: str):
        for resource in platform(environment).all(FUNCTION):
            asset = synthesis(environment).asset(asset_of(resource))
            files = {
                path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()
            }
            service = service_of(resource)
            package = PACKAGES[service]
            packages = ["lambdas/contracts/", "lambdas/runtime/", f"{package}/{service}/"]
            markers = {"lambdas/__init__.py", f"{package}/__init__.py"}
            strange = {
                file
                for file in files
                if not file.startswith(tuple(packages)) and file not in markers
            }
            module = resource.properties["Handler"].rpartition(".")[0].replace(".", "/")

            assert strange == set(), resource
            assert f"{module}.py" in files, resource
            assert "def handler(event" in (asset / f"{module}.py").read_text(), resource

    def test_every_service_has_a_function(self, environment: str):
        assert {service_of(f) for f in platform(environment).all(FUNCTION)} == set(SERVICES)


@pytest.mark.parametrize(
    ("layer", "package", "uses"),
    [
        ("Driver", "pg8000", "import pg8000.native"),
        (
            "Writer",
            "fpdf",
            "from tests.support.invoices import confirmed; "
            "from lambdas.notifications.invoice_pdf import render; "
            "assert render(confirmed(), number='INV-1').startswith(b'%PDF')",
        ),
    ],
)
def test_layer_is_self_contained(layer: str, package: str, uses: str):
    """Not the machine's own packages, which Lambda does not have."""
    content = platform("dev").one("AWS::Lambda::LayerVersion", layer).properties["Content"]
    asset = synthesis("dev").asset(content["S3Key"].removesuffix(".zip"))
    program = (
        f"import sys; sys.path[:0] = sys.argv[1:]; {uses}; import {package}; "
        f"print({package}.__file__)"
    )

    imported = subprocess.run(
        [sys.executable, "-B", "-S", "-E", "-c", program, str(asset / "python"), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert imported.stderr == ""
    assert imported.stdout.startswith(str(asset))
