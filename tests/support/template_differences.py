"""What a comparison of templates with what is deployed found."""

from emulator import readback
from emulator.template_check import Difference

ONLY_WITH_INSTANCES = {"AWS::AutoScaling::AutoScalingGroup.CreationPolicy"}
"""What only groups state that have instances from the beginning, which that of ``dev`` has not."""


def held_after_all(found: list[Difference]) -> set[str]:
    """The properties that are listed as not to be held, and arrive or are stated nowhere."""
    exempted = {each.exemption for each in found}
    return {name for name in readback.UNSUPPORTED if "." in name} - exempted - ONLY_WITH_INSTANCES
