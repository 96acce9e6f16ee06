"""What holds for all tests: an example of a property may take as long as the machine needs.

An assertion of a helper says what it compared, as one of a test does.
"""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

pytest.register_assert_rewrite("tests.support")
settings.register_profile("orders", deadline=None)
settings.load_profile("orders")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling | None":
    """Give one worker what takes long to set up: a cloud that files share, or a synthesis."""
    if config.getvalue("dist") not in ("loadfile", "loadscope"):
        return None
    # Only a run with several workers needs the plugin.
    from tests.support.work_units import LoadCloudScheduling, LoadSynthesisScheduling

    shares_clouds = config.getvalue("dist") == "loadfile"
    return (LoadCloudScheduling if shares_clouds else LoadSynthesisScheduling)(config, log)
