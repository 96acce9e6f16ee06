"""One prepared platform for all tests, and how many examples each of them gets."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.abuse_platform import AbusedPlatform, prepare
from tests.support.story import Story

_WANTED = int(os.environ.get("ABUSE_EXAMPLES", "0"))
ARE_WANTED = _WANTED > 0
"""Whether somebody wants more than a few examples."""
EXAMPLES = settings(
    max_examples=_WANTED or 20,
    derandomize=not _WANTED,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
"""A few examples, always the same; with ABUSE_EXAMPLES that many, and others in each run."""


@pytest.fixture(scope="session")
def prepared_platform() -> AbusedPlatform:
    return prepare()


@pytest.fixture
def platform(prepared_platform: AbusedPlatform) -> Iterator[AbusedPlatform]:
    with prepared_platform.here.installed():
        yield prepared_platform


@pytest.fixture(scope="session")
def story() -> Story:
    return Story()
