"""What gives way first: the model agrees with the templates, the page with the model."""

from copy import deepcopy
from typing import Any

import pytest

from bench.costs import EVENTS_PER_ORDER, Templates
from bench.event_patterns import EVENTS_OF_AN_ORDER, NOTICES, deliveries_per_order, matches
from bench.one_sku import sku_limits
from bench.page_tables import SHOWN, updated
from bench.platform_parts import Part, Whose, parts
from bench.scaling import CELL_RATE, cells, giving_way, render_tables
from lambdas.orders.admission import READ_EVERY
from lambdas.storefront.sales import BUCKETS
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import ROOT, platform

ALL = sorted(ENVIRONMENTS)


def of(environment: str, templates: Templates | None = None) -> dict[str, Part]:
    found = parts(ENVIRONMENTS[environment], templates or platform(environment).templates)
    return {part.name: part for part in found}


def test_page_is_current():
    """If not, run ``python -m bench.scaling --write``, and read the text around again."""
    page = (ROOT / "docs" / "scaling.md").read_text()

    computed = render_tables({name: platform(name).templates for name in SHOWN})

    tables = list(computed)
    assert [table for table in tables if table not in page] == [], "python -m bench.scaling --write"
    assert updated(page, tables) == page


def test_quotas_of_aws_give_way_before_settings_of_ours_in_prod():
    failing = giving_way(list(of("prod").values()), CELL_RATE)

    assert failing
    assert {part.whose for part in failing} == {Whose.QUOTA}


@pytest.mark.parametrize("environment", ALL)
def test_settings_come_from_the_templates(environment: str):
    env, found = ENVIRONMENTS[environment], of(environment)

    assert found["requests to our API"].limit == env.rate_limit
    assert found["changes of orders relayed"].limit == 2_000 * env.relay_parallelization
    assert found["stock changes taken by a subscriber"].limit == 100 * env.subscriber_concurrency


def test_a_skus_changes_never_exceed_what_its_message_group_bears():
    row, topic, subscriber = sku_limits(platform("prod").templates)

    assert row.changes <= subscriber.changes < topic.changes


def test_smaller_setting_of_a_template_lowers_what_the_platform_bears():
    templates: Any = deepcopy(dict(platform("prod").templates))
    for resource in templates["Orders-Prod-Orders"]["Resources"].values():
        if "ParallelizationFactor" in resource.get("Properties", {}):
            resource["Properties"]["ParallelizationFactor"] = 1

    assert of("prod", templates)["changes of orders relayed"].orders == 500


def test_every_event_of_an_order_is_counted():
    assert len(EVENTS_OF_AN_ORDER) + NOTICES == EVENTS_PER_ORDER


def test_another_rule_for_an_event_is_another_delivery():
    templates: Any = deepcopy(dict(platform("prod").templates))
    before = deliveries_per_order(templates)
    resources = templates["Orders-Prod-Orders"]["Resources"]
    resources["Another"] = next(
        each for id, each in resources.items() if id.startswith("StartFulfilmentRule")
    )

    assert resources["Another"]["Type"] == "AWS::Events::Rule"
    assert deliveries_per_order(templates) == before + 1


@pytest.mark.parametrize("environment", ALL)
def test_no_two_shards_count_sales_on_one_item(environment: str):
    env = ENVIRONMENTS[environment]

    assert env.shards is None or env.shards[1] <= BUCKETS


def test_backlog_outlasts_the_time_between_two_counts():
    """Orders are at hand until the door opens again, or the platform would do less than it can."""
    between = 60 + READ_EVERY.total_seconds()

    assert ENVIRONMENTS["prod"].max_open_orders > CELL_RATE * between


def test_cells_bear_the_rate_together():
    assert [cells(rate) for rate in (10, 1_000, 1_001, 10_000)] == [1, 1, 2, 10]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ({"source": ["a"]}, True),
        ({"source": ["b", "c"]}, False),
        ({"source": ["a"], "replay-name": [{"exists": False}]}, True),
        ({"source": [{"exists": False}]}, False),
        ({"detail": {"kind": ["x"]}}, True),
        ({"detail": {"kind": ["y"]}}, False),
        ({"detail": {"other": {"kind": ["x"]}}}, False),
        ({"$or": [{"source": ["b"]}, {"detail": {"kind": ["x"]}}]}, True),
        ({"$or": [{"source": ["b"]}], "source": ["a"]}, False),
    ],
)
def test_pattern_is_matched_as_eventbridge_does(pattern: dict[str, Any], matched: bool):
    assert matches(pattern, {"source": "a", "detail": {"kind": "x"}}) is matched
