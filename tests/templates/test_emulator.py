"""The emulator knows every property that the platform's templates use."""

import pytest

from emulator.template_check import check_templates
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import platform


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_property_of_the_platform_is_compared_or_named_as_unsupported(environment: str):
    check_templates(platform(environment).templates)
