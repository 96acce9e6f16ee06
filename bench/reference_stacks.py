"""Two stacks that take an order until it is confirmed; they are synthesized and counted only.

*Tutorial*: as introductions build it. A state for each thought, traces and keys of one's own
everywhere, text logs. *Lean*: the fewest parts that still reserve, charge and ship; it keeps none
of our promises: no claim, no compensation, no events of the services.
"""

from typing import Any

from aws_cdk import App, Stack
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

TUTORIAL = (
    *("Validate order", "Is valid?", "Reserve stock", "Is reserved?", "Take payment", "Is paid?"),
    *("Ship order", "Update order", "Notify customer", "Done"),
)
LEAN = ("Reserve stock", "Take payment", "Ship order", "Update order", "Publish")


class ReferenceStack(Stack):
    """A stack with the states of that name, one after another."""

    def __init__(self, scope: App, id: str, *, states: tuple[str, ...], tutorial: bool) -> None:
        """A tutorial's stack has traces and a key of its own."""
        super().__init__(scope, id)
        tracing = lambda_.Tracing.ACTIVE if tutorial else lambda_.Tracing.DISABLED
        key = kms.Key(self, "Key") if tutorial else None
        encryption = dynamodb.TableEncryption.CUSTOMER_MANAGED if key else None
        bus = events.EventBus(self, "Bus", kms_key=key)
        topic = sns.Topic(self, "Topic", master_key=key)
        tables = [
            dynamodb.Table(
                self,
                name,
                partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
                encryption=encryption,
                encryption_key=key,
            )
            for name in ("Orders", "Stock", "Payments")
        ]

        def function(name: str) -> lambda_.Function:
            return lambda_.Function(
                self,
                f"{name.title().replace(' ', '')}Function",
                code=lambda_.Code.from_inline("def handler(event, context): return event"),
                handler="index.handler",
                runtime=lambda_.Runtime.PYTHON_3_13,
                tracing=tracing,
            )

        api = apigw.HttpApi(self, "Api")
        place = integrations.HttpLambdaIntegration("Place", function("Place order"))
        api.add_routes(path="/orders", methods=[apigw.HttpMethod.POST], integration=place)

        def state(name: str) -> Any:
            if name.endswith("?"):
                return None
            if name == "Done":
                return sfn.Succeed(self, name)
            if name == "Update order":
                value = tasks.DynamoAttributeValue.from_string("CONFIRMED")
                return tasks.DynamoPutItem(self, name, table=tables[0], item={"id": value})
            if name == "Notify customer":
                return tasks.SnsPublish(
                    self, name, topic=topic, message=sfn.TaskInput.from_text("confirmed")
                )
            if name == "Publish":
                detail = sfn.TaskInput.from_object({"state": "CONFIRMED"})
                entry = tasks.EventBridgePutEventsEntry(
                    source="orders", detail_type="OrderConfirmed", detail=detail, event_bus=bus
                )
                return tasks.EventBridgePutEvents(self, name, entries=[entry])
            return tasks.LambdaInvoke(self, name, lambda_function=function(name))

        following: Any = None
        for name in reversed(states):
            current = state(name)
            if current is None:
                failed = sfn.Fail(self, f"{name} no")
                fine = sfn.Condition.is_present("$.ok")
                current = sfn.Choice(self, name).when(fine, following).otherwise(failed)
            elif following is not None:
                current.next(following)
            following = current
        machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(following),
            tracing_enabled=tutorial,
        )
        events.Rule(
            self,
            "Start",
            event_bus=bus,
            event_pattern=events.EventPattern(source=["orders"], detail_type=["OrderPlaced"]),
            targets=[targets.SfnStateMachine(machine)],
        )
