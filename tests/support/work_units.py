"""Which tests one worker runs, where several workers run tests at a time."""

from collections.abc import Sequence

from xdist.scheduler import LoadFileScheduling, LoadScopeScheduling

SHARED_CLOUDS = ("tests/e2e/orders", "tests/saga")
"""Packages whose files share one cloud, which takes long to set up."""

SYNTHESIZING = ("tests/abuse", "tests/contracts", "tests/templates")
"""Packages whose tests look at the platform's templates, which take seconds to synthesize."""


def work_unit(test: str, together: Sequence[str] = SHARED_CLOUDS) -> str:
    """The file of a test, by the test's node id, or its package if that is to stay together."""
    file = test.partition("::")[0]
    return next((package for package in together if file.startswith(f"{package}/")), file)


class LoadCloudScheduling(LoadFileScheduling):
    """As ``--dist loadfile``, but a shared cloud is set up on one worker only."""

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(nodeid)


class LoadSynthesisScheduling(LoadScopeScheduling):
    """By files, but every test that synthesizes the platform runs on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        unit = work_unit(nodeid, SYNTHESIZING)
        return "synthesis" if unit in SYNTHESIZING else unit
