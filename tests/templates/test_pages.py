"""What the pages tell of the templates is what is in them."""

import re

from bench.costs import render_tables
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import ROOT, platform

RULE = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \| .+ \| .+ \|$", re.MULTILINE)


def test_the_architecture_page_has_every_rule():
    page = (ROOT / "docs" / "architecture.md").read_text()
    told = [
        (service, name)
        for names, service in RULE.findall(page)
        for name in re.findall(r"`(\w+)`", names)
    ]
    rules = [
        (rule.stack.rpartition("-")[2].lower(), rule.id)
        for rule in platform("dev").all("AWS::Events::Rule")
    ]

    def same(told: tuple[str, str], rule: tuple[str, str]) -> bool:
        service, name = told
        # The CDK puts the ids of what is around a rule together, and a hash behind them.
        return (
            service == rule[0]
            and re.match(rf"{name}(On\w+|Rule|[0-9A-F]{{8}}$)", rule[1]) is not None
        )

    assert [rule for rule in rules if not any(same(each, rule) for each in told)] == []
    assert [each for each in told if not any(same(each, rule) for rule in rules)] == []


def test_the_page_on_costs_has_what_is_computed():
    """If not, paste what ``python -m bench.costs`` prints."""
    page = (ROOT / "docs" / "costs.md").read_text()

    computed = render_tables({name: platform(name).templates for name in ENVIRONMENTS})

    assert [table for table in computed if table not in page] == []
