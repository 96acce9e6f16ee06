"""What holds for all tests: an example of a property may take as long as the machine needs.

An assertion of a helper says what it compared, as one of a test does.
"""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.support")
settings.register_profile("orders", deadline=None)
settings.load_profile("orders")
