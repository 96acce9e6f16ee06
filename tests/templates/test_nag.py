"""The rule packs AWS Solutions and Serverless, and what the app answers to them."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from aws_cdk import App
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct

from app import compose
from stacks.constructs import nag
from stacks.environments import ENVIRONMENTS
from tests.templates.synthesis import new_app, synthesis, with_partner

SHORTEST_REASON = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule, or one finding of a rule, says of a resource."""

    rule: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A finding that the app accepts on a construct and what is below it."""

    rule: str
    path: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        below = f"{finding.path}/".startswith(f"{self.path}/")
        return below and finding.rule == self.rule


def findings(app: App) -> list[Finding]:
    return [
        Finding(rule=violation.rule_name, path=str(resource.construct_path))
        for pack in (AwsSolutionsChecks(app), ServerlessChecks(app))
        for violation in pack.validate_scope(app).violations
        for resource in violation.violating_resources
    ]


class RecordingValidations:
    """Stands in for Validations: writes down what is acknowledged, and acknowledges nothing."""

    def __init__(self) -> None:
        self.acknowledged: list[Acknowledged] = []

    def of(self, construct: IConstruct) -> "_Recorder":
        return _Recorder(self, construct.node.path)


class _Recorder:
    def __init__(self, recording: RecordingValidations, path: str) -> None:
        self._ledger = recording
        self._path = path

    def acknowledge(self, acknowledgment: Any) -> None:
        entry = Acknowledged(
            rule=acknowledgment.id, path=self._path, reason=acknowledgment.reason or ""
        )
        self._ledger.acknowledged.append(entry)


@cache
def unacknowledged(environment: str) -> tuple[list[Finding], list[Acknowledged]]:
    """The findings when nothing is acknowledged, and what would have been."""
    recording = RecordingValidations()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nag, "Validations", recording)
        app = new_app()
        compose(app, with_partner(environment))
    return findings(app), recording.acknowledged


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestRulePacks:
    def test_rule_packs_find_nothing(self, environment: str):
        assert findings(synthesis(environment).app) == []

    def test_each_acknowledgement_covers_one_finding(self, environment: str):
        found, acknowledged = unacknowledged(environment)

        covered = {entry: sum(map(entry.covers, found)) for entry in acknowledged}
        assert {entry: number for entry, number in covered.items() if number != 1} == {}

    def test_no_finding_is_acknowledged_twice(self, environment: str):
        found, acknowledged = unacknowledged(environment)

        answers = {finding: sum(a.covers(finding) for a in acknowledged) for finding in found}
        assert {finding: number for finding, number in answers.items() if number != 1} == {}

    def test_each_acknowledgement_has_a_reason(self, environment: str):
        _, acknowledged = unacknowledged(environment)

        assert [a for a in acknowledged if len(a.reason) < SHORTEST_REASON] == []

    def test_rule_packs_find_something_unacknowledged(self, environment: str):
        found, _ = unacknowledged(environment)

        rules = Counter(finding.rule.partition("-")[0] for finding in found)
        assert rules["AwsSolutions"] > 0
        assert rules["Serverless"] > 0
