"""Check, before a deployment, what would make it fail, have surprising effects, or lose data.

Nothing is changed. `make deploy` runs it first. Each line is fine, a note, or a stop: credentials,
bootstrapping, the Region, quotas, names, e-mail, who receives alarms, dead letters, what is
deployed and no longer configured, what the update would replace, lose or have refused, costs.

Ends with 0 when nothing forbids the deployment, and with 1 when a line is a stop. With --anyway it
ends with 0 all the same.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter

from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option, add_templates_option
from ops.deployed import Deployed
from ops.output import print_json, print_lines
from ops.preflight.findings import Verdict
from ops.preflight.run import run_checks
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--anyway", action="store_true", help="end with 0 in spite of a stop")
    add_templates_option(parser)
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Print each finding as soon as it is made."""
    verdicts: Counter[Verdict] = Counter()
    findings = []
    for finding in run_checks(deployed, arguments.templates):
        verdicts[finding.verdict] += 1
        findings.append({"verdict": finding.verdict.value, "text": finding.text})
        if not arguments.json:
            print_lines([f"{finding.verdict:<4}  {finding.text}"])
    if arguments.json:
        print_json(findings)
    stopped = verdicts[Verdict.STOP] and not arguments.anyway
    return NEEDS_ATTENTION if stopped else DONE
