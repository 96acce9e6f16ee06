"""Tests that share a cloud or a synthesis go to one worker, others file by file."""

import pytest

from tests.support.modules import ROOT
from tests.support.work_units import SHARED_CLOUDS, work_unit


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/saga/test_claims.py::test_claim[STANDARD]", "tests/saga"),
        ("tests/e2e/orders/test_requests.py::TestTheDoor::test_x", "tests/e2e/orders"),
        ("tests/e2e/test_ops.py::test_x", "tests/e2e/test_ops.py"),
        ("tests/templates/test_snapshots.py::test_template[dev]", "synthesis"),
        ("tests/contracts/test_samples.py::test_x", "synthesis"),
        ("tests/saga_of_another.py::test_x", "tests/saga_of_another.py"),
    ],
)
def test_tests_that_share_something_are_one_unit_and_others_are_by_file(test: str, unit: str):
    assert work_unit(test) == unit


@pytest.mark.parametrize("package", SHARED_CLOUDS)
def test_cloud_of_a_package_ends_with_its_last_test(package: str):
    assert 'scope="package"' in (ROOT / package / "conftest.py").read_text()
