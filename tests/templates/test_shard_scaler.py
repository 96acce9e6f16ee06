"""The scaler in an app of its own: settings, rights, alarms, and the platform's checks."""

from functools import cache
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kinesis as kinesis
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from lambdas.backbone.domain import CALLS_A_DAY, doublings
from stacks.components.shard_scaler import ShardScaler
from stacks.environments import ENVIRONMENTS
from stacks.operations import OperationsStack
from tests.templates import checks
from tests.templates.checks import ALARM, FUNCTION, LOG_GROUP, ROLE, SCHEDULE, each, rights
from tests.templates.synthesis import Platform, Resource, new_app, templates

STREAM = "AWS::Kinesis::Stream"
OF_THE_WHOLE = (
    checks.the_bus_is_called_orders_in_dev_only,
    checks.the_catch_all_is_as_the_tutorial_has_it,
    checks.one_logs_resource_policy_serves_all,
)
"""Checks that miss the rest of the platform here."""


@cache
def declared(environment: str) -> tuple[App, Platform]:
    """A stream with a scaler, and the operations stack that hears of it."""
    env = ENVIRONMENTS[environment]
    app = new_app()
    operations = OperationsStack(app, env=env)
    stack = Stack(app, env.stack("Backbone"))
    ShardScaler(
        stack,
        "Scaler",
        env=env,
        stream=kinesis.Stream(stack, "OrderStream", shard_count=1),
        schedules=operations.schedules,
        alarms=operations.topic,
    )
    return app, Platform(environment=env, templates=templates(app))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestScaler:
    def alarms(self, environment: str) -> dict[str, Resource]:
        _, platform = declared(environment)
        dimension = {"Name": "StreamName", "Value": {"Ref": platform.one(STREAM).id}}
        return {
            alarm.properties["MetricName"]: alarm
            for alarm in platform.all(ALARM)
            if alarm.properties["Dimensions"] == [dimension]
        }

    @pytest.mark.parametrize(
        "check", [c for c in checks.CHECKS if c not in OF_THE_WHOLE], ids=lambda c: c.__name__
    )
    def test_every_check_holds(self, environment: str, check: checks.Check):
        _, platform = declared(environment)

        assert list(check(platform)) == []

    def test_the_packs_find_nothing_but_what_the_stream_has(self, environment: str):
        app, _ = declared(environment)

        found = [
            (violation.rule_name, resource.construct_path)
            for pack in (AwsSolutionsChecks(app), ServerlessChecks(app))
            for violation in pack.validate_scope(app).violations
            for resource in violation.violating_resources
            if "Scaler" in str(resource.construct_path)
        ]
        assert found == []

    def test_its_settings_are_those_of_the_environment(self, environment: str):
        _, platform = declared(environment)

        given = platform.one(FUNCTION).properties["Environment"]["Variables"]
        limits = tuple(given[name] for name in ("FLOOR", "CEILING", "COOLDOWN_SECONDS"))
        assert limits == {"dev": ("1", "4", "900"), "prod": ("2", "32", "3600")}[environment]
        assert given["ORDER_STREAM"] == {"Ref": platform.one(STREAM).id}

    def test_a_days_calls_lead_from_its_floor_to_its_ceiling_and_some_back(self, environment: str):
        floor, ceiling = ENVIRONMENTS[environment].shards

        assert doublings(floor, ceiling) <= CALLS_A_DAY // 2

    def test_it_looks_every_minute_and_ends_before_it_looks_again(self, environment: str):
        _, platform = declared(environment)

        assert platform.one(SCHEDULE).properties["ScheduleExpression"] == "rate(1 minute)"
        assert platform.one(FUNCTION).properties["Timeout"] < 60

    def test_it_may_do_just_that(self, environment: str):
        _, platform = declared(environment)
        group = platform.one(LOG_GROUP, "ScaleStream")

        found: dict[str, Any] = {}
        for role, statement in rights(platform):
            if role == platform.one(ROLE, "ScaleStreamRole"):
                found |= dict.fromkeys(each(statement["Action"]), statement["Resource"])
        stream = {"Fn::GetAtt": [platform.one(STREAM).id, "Arn"]}
        parked = found.pop("sqs:SendMessage")
        assert "Failed" in parked["Fn::GetAtt"][0]
        assert found == {
            "kinesis:DescribeStreamSummary": stream,
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
        alarms = self.alarms(environment)

        assert {
            name: (alarm.properties["Threshold"], alarm.properties["Statistic"])
            for name, alarm in alarms.items()
        } == {
            "GetRecords.IteratorAgeMilliseconds": (600_000, "Maximum"),
            "WriteProvisionedThroughputExceeded": (0, "Sum"),
        }
        for alarm in alarms.values():
            assert alarm.properties["Namespace"] == "AWS/Kinesis"
            assert alarm.properties["Period"] * alarm.properties["EvaluationPeriods"] == 15 * 60
            assert alarm.properties["TreatMissingData"] == "notBreaching"

    def test_no_alarm_calls_it(self, environment: str):
        _, platform = declared(environment)

        heard = [
            platform.referred(alarm.stack, action)
            for alarm in platform.all(ALARM)
            for action in alarm.properties["AlarmActions"]
        ]
        assert {resource and resource.kind for resource in heard} == {checks.TOPIC}
