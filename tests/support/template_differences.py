"""What a comparison of templates with what is deployed found."""

from emulator import readback
from emulator.template_check import Difference


def held_after_all(found: list[Difference]) -> set[str]:
    """The properties that are listed as not to be held, and arrive or are stated nowhere."""
    return {name for name in readback.UNSUPPORTED if "." in name} - {
        each.exemption for each in found
    }
