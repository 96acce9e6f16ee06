"""Run all checks of the preflight."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ops.deployed import Deployed
from ops.environment.synthesized import read_synthesized_templates
from ops.preflight.account import check_bootstrap, check_names, check_region, check_stacks
from ops.preflight.changes import check_changes
from ops.preflight.findings import Check, Finding, Preflight, fine, note
from ops.preflight.people import check_mail, check_subscribers
from ops.preflight.quotas import (
    check_clusters,
    check_concurrency,
    check_instances,
    check_stack_quota,
)
from ops.preflight.state import check_costs, check_dead_letters, check_leftovers

CHECKS: Sequence[Check] = (
    check_bootstrap,
    check_region,
    check_stacks,
    check_names,
    check_leftovers,
    check_changes,
    check_dead_letters,
    check_concurrency,
    check_instances,
    check_stack_quota,
    check_clusters,
    check_mail,
    check_subscribers,
    check_costs,
)


def run_checks(
    deployed: Deployed, templates: Path, checks: Sequence[Check] = CHECKS
) -> Iterator[Finding]:
    """Yield the findings of all checks. The first finding names the account and the Region.

    If a check cannot read what it needs, because a permission is missing or a service does not
    answer, the finding is a note that says so.

    Raises:
        OperationError: there are no synthesized templates.
        ClientError, BotoCoreError: the credentials are not valid.
    """
    caller = deployed.client("sts").get_caller_identity()
    preflight = Preflight(
        deployed=deployed,
        wanted=read_synthesized_templates(templates, deployed.environment),
        there=deployed.all_templates(),
        assembly=templates,
        account=caller["Account"],
        region=deployed.session.region_name,
    )
    yield fine(f"account {preflight.account} in {preflight.region}, as {caller['Arn']}")
    for check in checks:
        try:
            yield from check(preflight)
        except (ClientError, BotoCoreError) as error:
            what = (check.__doc__ or "").partition("\n")[0].rstrip(".")
            yield note(f"not checked: {what} ({' '.join(str(error).split())})")
