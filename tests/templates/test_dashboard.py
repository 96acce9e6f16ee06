"""The dashboard and the saved queries show what is counted and logged, in their environment."""

import json
import re
from typing import Any

import pytest

from lambdas.orders.events import OUTCOMES
from stacks.dashboard import OUTCOMES as SHOWN
from stacks.environments import environment
from tests.templates.synthesis import ROOT, platform, synthesis_of


def searches(name: str) -> list[str]:
    """The expressions of all graphs."""
    of = platform("prod") if name == "prod" else synthesis_of(environment(name)).platform
    body: Any = of.one("AWS::CloudWatch::Dashboard").properties["DashboardBody"]
    parts = body["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "eu-west-1" for part in parts)
    graphs = [widget["properties"] for widget in json.loads(text)["widgets"]]
    return [metric[0]["expression"] for graph in graphs for metric in graph["metrics"]]


@pytest.mark.parametrize("name", ["laptop", "prod"])
def test_every_graph_but_those_of_the_api_is_of_its_environment(name: str):
    found, stacks = searches(name), environment(name).name

    assert len(found) > 20
    assert [
        each for each in found if stacks not in each.lower() and "AWS/ApiGateway" not in each
    ] == []


def test_every_outcome_that_is_counted_is_shown():
    assert set(SHOWN) == set(OUTCOMES.values())
    found = searches("laptop")
    for metric in SHOWN:
        assert [each for each in found if f'MetricName="{metric}"' in each]


def test_saved_queries_ask_for_messages_that_are_logged():
    queries = platform("dev").all("AWS::Logs::QueryDefinition")
    asked = re.findall(
        r'message = "(\w+)"', " ".join(query.properties["QueryString"] for query in queries)
    )

    assert len(asked) == 2
    sources = [path.read_text() for path in (ROOT / "lambdas").rglob("*.py")]
    for message in asked:
        assert any(f'log("{message}"' in source for source in sources)
