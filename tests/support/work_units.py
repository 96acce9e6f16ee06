"""Which tests one worker runs, where several workers run tests at a time."""

from xdist.scheduler import LoadFileScheduling

SHARED_CLOUDS = ("tests/e2e/orders", "tests/saga")
"""Packages whose files share one cloud, which takes long to set up."""

SYNTHESIZING = ("tests/abuse", "tests/contracts", "tests/templates")
"""Packages whose tests look at the platform's templates, which take seconds to synthesize."""


def work_unit(test: str) -> str:
    """Return a test's file, or the name of what it shares with the tests of other files."""
    file = test.partition("::")[0]
    if file.startswith(tuple(f"{package}/" for package in SYNTHESIZING)):
        return "synthesis"
    return next((package for package in SHARED_CLOUDS if file.startswith(f"{package}/")), file)


class LoadUnitScheduling(LoadFileScheduling):
    """As ``--dist loadfile``, but one worker gets all tests that share a cloud or a synthesis."""

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(nodeid)
