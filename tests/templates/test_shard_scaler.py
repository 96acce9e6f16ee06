"""The order stream's scaler: its settings, rights and alarm."""

from typing import Any

import pytest

from bench.shard_simulation import limits
from lambdas.backbone.domain import MAX_CALLS_PER_DAY, count_doublings
from stacks.environments import ENVIRONMENTS
from tests.templates import checks
from tests.templates.checks import ALARM, FUNCTION, LOG_GROUP, ROLE, SCHEDULE, each, rights
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

    def test_its_settings_are_those_of_the_environment(self, environment: str):
        deployed = platform(environment)

        given = deployed.one(FUNCTION, NAME).properties["Environment"]["Variables"]
        found = tuple(given[name] for name in ("FLOOR", "CEILING", "COOLDOWN_SECONDS"))
        assert found == {"dev": ("1", "4", "900"), "prod": ("2", "32", "3600")}[environment]
        assert given["ORDER_STREAM"] == {"Ref": deployed.one(STREAM).id}

    def test_a_days_calls_lead_from_its_floor_to_its_ceiling_and_some_back(self, environment: str):
        given = limits(ENVIRONMENTS[environment])

        assert count_doublings(given.floor, given.ceiling) <= MAX_CALLS_PER_DAY // 2

    def test_it_looks_every_minute_and_ends_before_it_looks_again(self, environment: str):
        deployed = platform(environment)

        schedule = deployed.one(SCHEDULE, NAME).properties
        assert schedule["ScheduleExpression"] == "rate(1 minute)"
        assert deployed.one(FUNCTION, NAME).properties["Timeout"] < 60

    def test_it_may_do_just_that(self, environment: str):
        deployed = platform(environment)
        group = deployed.one(LOG_GROUP, NAME)

        found: dict[str, Any] = {}
        for role, statement in rights(deployed):
            if role == deployed.one(ROLE, f"{NAME}Role"):
                found |= dict.fromkeys(each(statement["Action"]), statement["Resource"])
        stream = {"Fn::GetAtt": [deployed.one(STREAM).id, "Arn"]}
        parked = found.pop("sqs:SendMessage")
        assert "Failed" in parked["Fn::GetAtt"][0]
        assert found == {
            "kinesis:DescribeStreamSummary": stream,
            "kinesis:ListStreamConsumers": stream,
            "kinesis:ListTagsForStream": stream,
            "kinesis:AddTagsToStream": stream,
            "kinesis:UpdateShardCount": stream,
            "cloudwatch:GetMetricData": "*",
            "logs:CreateLogStream": {"Fn::GetAtt": [group.id, "Arn"]},
            "logs:PutLogEvents": {"Fn::GetAtt": [group.id, "Arn"]},
            "xray:PutTraceSegments": "*",
            "xray:PutTelemetryRecords": "*",
        }

    def test_people_hear_when_it_cannot_help(self, environment: str):
        (alarm,) = self.alarms(environment)

        given = alarm.properties
        assert given["MetricName"] == "WriteProvisionedThroughputExceeded"
        assert (given["Namespace"], given["Statistic"]) == ("AWS/Kinesis", "Sum")
        assert (given["Threshold"], given["TreatMissingData"]) == (0, "notBreaching")
        assert given["Period"] * given["EvaluationPeriods"] == 15 * 60

    def test_no_alarm_calls_it(self, environment: str):
        deployed = platform(environment)

        heard = [
            deployed.referred(alarm.stack, action)
            for alarm in self.alarms(environment)
            for action in alarm.properties["AlarmActions"]
        ]
        assert {resource and resource.kind for resource in heard} == {checks.TOPIC}
