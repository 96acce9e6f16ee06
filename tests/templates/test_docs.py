"""Tests that the pages agree with the templates."""

import re

import pytest

from bench.costs import idle_costs, order_costs, render_tables
from bench.figures import FOLDER
from bench.order_path import order_paths, render
from bench.page_tables import SHOWN, updated
from bench.pictures import pictures
from ops.prices import EMAIL, FAN_OUT_HOUR
from stacks.environments import ENVIRONMENTS
from stacks.names import service_of
from tests.templates.synthesis import ROOT, platform

RULE = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (\w+) \| .+ \| .+ \|$", re.MULTILINE)


def test_architecture_page_lists_every_rule():
    page = (ROOT / "docs" / "architecture.md").read_text()
    documented = [
        (service, name)
        for names, service in RULE.findall(page)
        for name in re.findall(r"`(\w+)`", names)
    ]
    rules = [(service_of(rule.stack), rule.id) for rule in platform("dev").all("AWS::Events::Rule")]

    def same(documented: tuple[str, str], rule: tuple[str, str]) -> bool:
        service, name = documented
        # The CDK puts the ids of what is around a rule together, and a hash behind them.
        return (
            service == rule[0]
            and re.match(rf"{name}(On\w+|Rule|[0-9A-F]{{8}}$)", rule[1]) is not None
        )

    missing = [rule for rule in rules if not any(same(each, rule) for each in documented)]
    assert missing == [], "give each rule a row in docs/architecture.md"
    gone = [each for each in documented if not any(same(each, rule) for rule in rules)]
    assert gone == [], "take what is gone out of docs/architecture.md"


def test_order_costs_at_most_a_twentieth_more_than_at_the_last_release():
    """If it has to, change the number here, and say why in ``docs/performance.md``."""
    last_release = 0.263

    without_mails = sum(item.cost for item in order_costs() if item.price is not EMAIL)

    assert without_mails <= 1.05 * last_release


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_environment_at_rest_costs_at_most_what_the_page_says(name: str):
    page = (ROOT / "docs" / "performance.md").read_text()
    items = idle_costs(ENVIRONMENTS[name], platform(name).templates)
    (target,) = re.findall(rf"`{name}` at rest at most (\d+) USD", page)

    cost = sum(item.cost for item in items if item.price is not FAN_OUT_HOUR)

    assert cost <= float(target), (
        f"{name} costs {cost:.2f} USD a month: docs/costs.md says what for. Take something away,"
        " or raise the target in the table of docs/performance.md"
    )


def test_costs_page_is_current():
    """If not, run ``python -m bench.costs --write``, and read the sums in the text again."""
    page = (ROOT / "docs" / "costs.md").read_text()

    computed = render_tables({name: platform(name).templates for name in SHOWN})

    tables = list(computed)
    assert [table for table in tables if table not in page] == [], "python -m bench.costs --write"
    assert updated(page.replace("| counted |", "| counted | 7 |"), tables) == page


def test_pictures_show_the_figures():
    """If not, run ``make docs``."""
    shown = pictures(ENVIRONMENTS["dev"], platform("dev").templates)

    changed = [name for name, svg in shown.items() if (FOLDER / name).read_text() != svg]
    assert changed == [], "make docs"
    page = (ROOT / "docs" / "performance.md").read_text()
    assert [name for name in shown if f"](figures/{name})" not in page] == []


def test_order_path_is_that_of_the_page():
    """If not, run ``python -m bench.order_path --write``, and read the text again."""
    assert render(order_paths()) in (ROOT / "docs" / "performance.md").read_text()


def test_reference_stacks_have_the_states_that_their_names_say():
    paths = order_paths()

    assert (paths["tutorial"].transitions, paths["lean"].transitions) == (10, 5)
    # What notifies, and puts an event, is counted as such, and not as a call.
    assert (paths["tutorial"].calls, paths["tutorial"].notices) == (5, 1)
    assert (paths["lean"].calls, paths["lean"].events) == (4, 2)
    assert (paths["tutorial"].traces, paths["lean"].traces) == (1, 0)
    assert (paths["tutorial"].key_requests, paths["lean"].key_requests) == (3, 0)


def test_tour_reads_log_groups_that_are_declared():
    page = (ROOT / "docs" / "tour.md").read_text()
    named = re.findall(r"/aws/cloudformation/([\w-]+)/(\w+)", page)
    templates = platform("dev").templates

    assert named
    assert [(stack, id) for stack, id in named if id not in templates[stack]["Resources"]] == []
