"""The dashboard shows what is counted, and finds what belongs to its environment."""

import json
from typing import Any

import pytest

from lambdas.orders.events import OUTCOMES
from stacks.dashboard import OUTCOMES as SHOWN
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import platform


def searches(environment: str) -> list[str]:
    """The expressions of all graphs."""
    body: Any = platform(environment).one("AWS::CloudWatch::Dashboard").properties["DashboardBody"]
    parts = body["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "eu-west-1" for part in parts)
    graphs = [widget["properties"] for widget in json.loads(text)["widgets"]]
    return [metric[0]["expression"] for graph in graphs for metric in graph["metrics"]]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_graph_but_those_of_the_api_is_of_its_environment(environment: str):
    found = searches(environment)

    assert len(found) > 20
    assert [
        each for each in found if environment not in each.lower() and "AWS/ApiGateway" not in each
    ] == []


def test_every_outcome_that_is_counted_is_shown():
    assert set(SHOWN) == set(OUTCOMES.values())
    found = searches("dev")
    for metric in SHOWN:
        assert [each for each in found if f'MetricName="{metric}"' in each]
