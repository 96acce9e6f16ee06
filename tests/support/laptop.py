"""The platform as `make demo` deploys it, synthesized once a process."""

from pathlib import Path

from emulator.cloud import Cloud
from stacks.environments import LAPTOP
from tests.support.direct_deployment import deploy_directly
from tests.templates.synthesis import synthesis_of


def deploy_laptop(cloud: Cloud) -> dict[str, str]:
    """Deploy every stack; return the outputs of all of them."""
    assembly = Path(synthesis_of(LAPTOP).folder.name)
    return deploy_directly(cloud, assembly=assembly)
