"""What a function is shipped with: its service, the contracts and the runtime, and nothing else."""

import shutil
import subprocess
import sys
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from stacks.constructs.assets import CONTEXT, asset_hash, compiler
from stacks.constructs.function import service_code, service_hash
from stacks.environments import ENVIRONMENTS
from stacks.setting_checks import InvalidSettingError
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


def hashes(root: Path) -> dict[str, str]:
    """The hash of each service's sources in a copy of the project."""
    return {
        service: service_hash(service, package=package, root=root)
        for service, package in PACKAGES.items()
    }


def hashes_after(root: Path, change: str) -> dict[str, str]:
    """The same while a line is added to a file of the copy."""
    file = root / change
    before = file.read_bytes() if file.is_file() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes((before or b"") + b"\n# changed\n")
    try:
        return hashes(root)
    finally:
        file.unlink() if before is None else file.write_bytes(before)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for package in ("lambdas", "simulators"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, root / package, ignore=ignored)
    return root


@pytest.fixture(scope="module")
def before(copy: Path) -> dict[str, str]:
    return hashes(copy)


class TestIndependence:
    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_hash_of_sources_decides_which_asset_a_function_gets(self, environment: str):
        for function in platform(environment).all(FUNCTION):
            service = service_of(function)
            source = service_hash(service, package=PACKAGES[service])
            # The CDK hashes once more.
            digest = sha256(asset_hash(source, compiled=False).encode()).hexdigest()
            assert asset_of(function) == digest, function

    def test_services_have_different_asset_hashes(self, before: dict[str, str]):
        assert len(set(before.values())) == len(before) == len(SERVICES)

    @pytest.mark.parametrize("service", SERVICES)
    def test_change_in_a_service_changes_only_its_asset(
        self, before: dict[str, str], copy: Path, service: str
    ):
        after = hashes_after(copy, f"{PACKAGES[service]}/{service}/__init__.py")

        assert {name for name in SERVICES if before[name] != after[name]} == {service}

    def test_change_in_a_readme_changes_no_asset(self, before: dict[str, str], copy: Path):
        assert hashes_after(copy, "lambdas/payments/README.md") == before

    @pytest.mark.parametrize("shared", ["contracts/event.py", "runtime/new.py", "__init__.py"])
    def test_change_in_shared_code_changes_every_asset(
        self, before: dict[str, str], copy: Path, shared: str
    ):
        after = hashes_after(copy, f"lambdas/{shared}")

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
        self, before: dict[str, str], copy: Path, elsewhere: str
    ):
        assert hashes_after(copy, elsewhere) == before


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card provider's asset with bytecode."""
    app = new_app(outdir=str(tmp_path_factory.mktemp("out")))
    code = service_code("card_provider", package="simulators", python=sys.executable)
    location = code.bind(Stack(app, "card-provider")).s3_location
    app.synth()
    assert location is not None
    return Path(app.outdir) / f"asset.{location.object_key.removesuffix('.zip')}"


class TestBytecode:
    def test_every_module_has_bytecode(self, compiled: Path):
        sources = {file.relative_to(compiled) for file in compiled.rglob("*.py")}
        cached = {
            Path(cache_from_source(str(file))).relative_to(compiled)
            for file in (compiled / source for source in sources)
        }

        assert sources
        assert {file for file in cached if not (compiled / file).is_file()} == set()

    def test_bytecode_is_never_compared_with_its_source(self, compiled: Path):
        """All files of an asset have the same time, which is not that of the source."""
        flags = {file.read_bytes()[4:8] for file in compiled.rglob("*.pyc")}

        assert flags == {(1).to_bytes(4, "little")}  # hashed, unchecked: PEP 552

    def test_stack_traces_name_lambdas_own_folder(self, compiled: Path):
        (file,) = compiled.rglob("handle_request.*.pyc")

        assert b"/var/task/simulators/card_provider/handle_request.py" in file.read_bytes()

    def test_hash_says_whether_there_is_bytecode(self):
        assert asset_hash("source", compiled=True) != asset_hash("source", compiled=False)

    def test_synthesis_without_the_runtimes_python_has_sources_only(self):
        for resource in platform("dev").all(FUNCTION):
            asset = synthesis("dev").asset(asset_of(resource))
            assert list(asset.rglob("*.pyc")) == []

    @pytest.mark.parametrize("python", ["/no/python", "false"])
    def test_compiler_that_is_not_the_runtimes_python_is_refused(self, python: str):
        app = App(context={CONTEXT: python})

        with pytest.raises(InvalidSettingError, match=f"{python} must be Python 3.13"):
            compiler(app)


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
        of = platform(environment)
        # Where each dead-letter queue has an alarm, no job of operations watches them.
        without = set() if of.environment.dead_letters_watched else {"operations"}
        assert {service_of(f) for f in of.all(FUNCTION)} == set(SERVICES) - without


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
