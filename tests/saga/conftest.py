"""A saga of three actions on a local cloud, Standard and Express."""

import pytest

from emulator.cloud import running
from tests.support.saga_harness import SagaHarness


@pytest.fixture(scope="package")
def cloud():
    with running() as cloud:
        yield cloud


@pytest.fixture(scope="package", params=["STANDARD", "EXPRESS"])
def harness(cloud, request):
    return SagaHarness(cloud, request.param)
