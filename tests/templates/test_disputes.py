"""The stack of disputes exists only where a partner event source is configured."""

import json
from collections.abc import Iterator

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import BUS, FUNCTION, LOG_GROUP, RULE
from tests.templates.synthesis import OPTIONS, PARTNER, Platform, platform, synthesis_of


def without() -> Platform:
    return synthesis_of(OPTIONS).platform


def mentions_partner(of: Platform) -> Iterator[str]:
    for resource in of.all():
        if any(
            word in json.dumps(resource.declaration) for word in ("Disput", "dispute", "artner")
        ):
            yield str(resource)


def test_template_without_a_partner_does_not_mention_disputes():
    assert list(mentions_partner(without())) == []
    assert set(platform("dev").templates) - set(without().templates) == {"Orders-Dev-Disputes"}


def test_partner_is_mentioned_only_in_disputes_and_orders():
    found = set(mentions_partner(platform("dev")))

    assert {stack for stack, _ in (name.split("/") for name in found)} == {
        "Orders-Dev-Disputes",
        "Orders-Dev-Orders",
    }


@pytest.mark.parametrize("name", ENVIRONMENTS)
class TestPartner:
    def test_partner_bus_has_the_name_of_its_source(self, name: str):
        of = platform(name)
        (bus,) = (bus for bus in of.all(BUS) if bus.stack.endswith("Disputes"))

        assert bus.properties == {"Name": PARTNER, "EventSourceName": PARTNER}

    def test_partner_events_are_logged_and_disputes_handled(self, name: str):
        of = platform(name)
        stack = of.environment.stack_name("Disputes")
        rules = {rule.id[:6]: rule for rule in of.all(RULE) if rule.stack == stack}
        live = {"source": [PARTNER], "replay-name": [{"exists": False}]}

        assert {id: rule.properties["EventPattern"] for id, rule in rules.items()} == {
            "LogAll": live,
            "OnDisp": live | {"detail-type": ["Dispute Opened"]},
        }
        for rule in rules.values():
            bus = of.referred(stack, rule.properties["EventBusName"])
            assert bus is not None
            assert bus.properties["Name"] == PARTNER
        (target,) = rules["OnDisp"].properties["Targets"]
        taking = of.referred(stack, target["Arn"])
        assert taking is not None
        assert taking.kind == FUNCTION
        assert taking.properties["Handler"] == "lambdas.payments.ingest_dispute.handler"

    def test_environments_have_separate_log_groups(self, name: str):
        (group,) = (
            group.properties["LogGroupName"]
            for group in platform(name).all(LOG_GROUP)
            if group.properties.get("LogGroupName", "").startswith("/aws/events/partner")
        )

        assert group == "/aws/events/partner" + ("" if name == "dev" else f"-{name}")
