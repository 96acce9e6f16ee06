"""Which tests one worker runs, where several workers run tests at a time."""

from xdist.scheduler import LoadFileScheduling

SHARED_CLOUDS = ("tests/e2e/orders", "tests/saga")
"""Packages whose files share one cloud, which takes long to set up."""


def work_unit(test: str) -> str:
    """The file of a test, by the test's node id, or its package if that shares a cloud."""
    file = test.partition("::")[0]
    return next((package for package in SHARED_CLOUDS if file.startswith(f"{package}/")), file)


class LoadCloudScheduling(LoadFileScheduling):
    """As ``--dist loadfile``, but a shared cloud is set up on one worker only."""

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(nodeid)
