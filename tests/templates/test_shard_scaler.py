"""The order stream's scaler: its settings, rights and alarm."""

from typing import Any

import pytest

from bench.shard_simulation import limits
from lambdas.backbone.domain import MAX_CALLS_PER_DAY, count_doublings
from stacks.environments import ENVIRONMENTS
from tests.templates import kinds
from tests.templates.checks.common import as_list, permissions
from tests.templates.kinds import ALARM, FUNCTION, LOG_GROUP, ROLE, SCHEDULE
from tests.templates.synthesis import Resource, platform

STREAM = "AWS::Kinesis::Stream"
NAME = "ScaleStream"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestScaler:
    def alarms(self, environment: str) -> list[Resource]:
        deployed = platform(environment)
        dimension = {"Name": "StreamName", "Value": {"Ref": deployed.one(STREAM).id}}
        return [
            alarm
            for alarm in deployed.all(ALARM)
            if alarm.properties.get("Dimensions") == [dimension]
        ]

    def test_scaler_settings_come_from_the_environment(self, environment: str):
        deployed = platform(environment)

        given = deployed.one(FUNCTION, NAME).properties["Environment"]["Variables"]
        found = tuple(given[name] for name in ("FLOOR", "CEILING", "COOLDOWN_SECONDS"))
        env = deployed.environment
        assert env.shards is not None
        assert found == (*map(str, env.shards), str(env.shards_cooldown.to_seconds()))
        assert given["ORDER_STREAM"] == {"Ref": deployed.one(STREAM).id}

    def test_daily_calls_suffice_from_floor_to_ceiling(self, environment: str):
        given = limits(ENVIRONMENTS[environment])

        assert count_doublings(given.floor, given.ceiling) <= MAX_CALLS_PER_DAY // 2

    def test_scaler_runs_every_minute_and_ends_before_the_next_run(self, environment: str):
        deployed = platform(environment)

        schedule = deployed.one(SCHEDULE, NAME).properties
        assert schedule["ScheduleExpression"] == "rate(1 minute)"
        assert deployed.one(FUNCTION, NAME).properties["Timeout"] < 60

    def test_scaler_has_least_privilege(self, environment: str):
        deployed = platform(environment)
        group = deployed.one(LOG_GROUP, NAME)

        found: dict[str, Any] = {}
        for role, statement in permissions(deployed):
            if role == deployed.one(ROLE, f"{NAME}Role"):
                found |= dict.fromkeys(as_list(statement["Action"]), statement["Resource"])
        stream = {"Fn::GetAtt": [deployed.one(STREAM).id, "Arn"]}
        dead_letters = found.pop("sqs:SendMessage")
        assert "DeadLetters" in dead_letters["Fn::GetAtt"][0]
        assert found == {
            "kinesis:DescribeStreamSummary": stream,
            "kinesis:ListStreamConsumers": stream,
            "kinesis:ListTagsForStream": stream,
            "kinesis:AddTagsToStream": stream,
            "kinesis:UpdateShardCount": stream,
            "cloudwatch:GetMetricData": "*",
            "logs:CreateLogStream": {"Fn::GetAtt": [group.id, "Arn"]},
            "logs:PutLogEvents": {"Fn::GetAtt": [group.id, "Arn"]},
        }

    def test_throttling_raises_an_alarm(self, environment: str):
        (alarm,) = self.alarms(environment)

        given = alarm.properties
        assert given["MetricName"] == "WriteProvisionedThroughputExceeded"
        assert (given["Namespace"], given["Statistic"]) == ("AWS/Kinesis", "Sum")
        assert (given["Threshold"], given["TreatMissingData"]) == (0, "notBreaching")
        assert given["Period"] * given["EvaluationPeriods"] == 15 * 60

    def test_scaler_is_not_called_by_alarms(self, environment: str):
        deployed = platform(environment)

        notified = [
            deployed.referred(alarm.stack, action)
            for alarm in self.alarms(environment)
            for action in alarm.properties["AlarmActions"]
        ]
        assert {resource and resource.kind for resource in notified} == {kinds.TOPIC}
