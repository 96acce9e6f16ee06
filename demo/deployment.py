"""The app's settings on a laptop, and its deployment to a local cloud."""

from emulator.cloud import Cloud
from emulator.deploy import Progress, context_options, deploy

SENDER = "orders@shop.example"
"""The sender's address of mails. No mail leaves the machine."""
PARTNER_SOURCE = "aws.partner/example.com/card-company/disputes"
"""The name of the card company's event source, and so of its bus."""
CONTEXT = {"partner": PARTNER_SOURCE, "sender": SENDER}
"""The CDK context with which the app is synthesized."""
CONTEXT_OPTIONS = context_options(CONTEXT)


def deploy_app(cloud: Cloud, *, stack: str | None = None, progress: Progress) -> dict[str, str]:
    """Synthesize and deploy this repository's app; return the outputs of its stacks.

    With a `stack`, only that one and those it depends on are deployed.
    """
    return deploy(cloud, context=CONTEXT, stack=stack, progress=progress)
