"""The app's deployment to a local cloud."""

from emulator.cloud import Cloud
from emulator.deploy import Progress, context_options, deploy

CONTEXT = {"env": "laptop"}
"""The CDK context with which the app is synthesized: `dev` with every option."""
CONTEXT_OPTIONS = context_options(CONTEXT)


def deploy_app(
    cloud: Cloud, *, stack: str | None = None, express: bool = False, progress: Progress
) -> dict[str, str]:
    """Synthesize and deploy this repository's app; return the outputs of its stacks.

    If `stack` is given, only that stack and those it depends on are deployed. The sagas are
    Standard workflows, or Express ones.
    """
    context = {"env": "laptop-express"} if express else CONTEXT
    return deploy(cloud, context=context, stack=stack, progress=progress)
