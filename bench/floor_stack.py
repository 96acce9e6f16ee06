"""The hops of an order until it is confirmed, with functions that do nothing.

The request writes a row, its stream invokes a relay, the bus starts a workflow, and that writes the
row, calls three functions, and writes the row again. One of the functions calls another, as
payments calls the card provider. Nothing is checked, retried or undone.
"""

from pathlib import Path

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

FUNCTIONS = str(Path(__file__).with_name("floor_functions"))


class FloorStack(Stack):
    """A stack with these hops. It has the outputs ``ApiUrl`` and ``OrdersTable``."""

    def __init__(self, scope: App, id: str) -> None:
        super().__init__(scope, id)
        bus = events.EventBus(self, "Bus")
        table = dynamodb.TableV2(
            self,
            "Orders",
            partition_key=dynamodb.Attribute(name="order_id", type=dynamodb.AttributeType.STRING),
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        )

        def function(name: str, module: str = "nothing", **settings: str) -> lambda_.Function:
            return lambda_.Function(
                self,
                name,
                code=lambda_.Code.from_asset(FUNCTIONS),
                handler=f"{module}.handler",
                runtime=lambda_.Runtime.PYTHON_3_13,
                environment=settings,
            )

        place = function("Place", "place", TABLE=table.table_name)
        table.grant_write_data(place)
        relay = function("Relay", "relay", BUS=bus.event_bus_name)
        bus.grant_put_events_to(relay)
        relay.add_event_source(
            sources.DynamoEventSource(
                table, starting_position=lambda_.StartingPosition.TRIM_HORIZON
            )
        )
        provider = function("Provider")
        pay = function("Pay", "call", CALLED=provider.function_name)
        provider.grant_invoke(pay)

        def write(name: str, state: str) -> tasks.DynamoUpdateItem:
            key = tasks.DynamoAttributeValue.from_string(
                sfn.JsonPath.string_at("$$.Execution.Input.detail.order_id")
            )
            return tasks.DynamoUpdateItem(
                self,
                name,
                table=table,
                key={"order_id": key},
                update_expression="SET #state = :state",
                expression_attribute_names={"#state": "state"},
                expression_attribute_values={
                    ":state": tasks.DynamoAttributeValue.from_string(state)
                },
            )

        steps = (function("Reserve"), pay, function("Ship"))
        way: sfn.Chain = sfn.Chain.start(write("Claim", "PLACED"))
        for step in steps:
            way = way.next(tasks.LambdaInvoke(self, f"Call{step.node.id}", lambda_function=step))
        machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(
                way.next(write("Confirm", "CONFIRMED"))
            ),
        )
        events.Rule(
            self,
            "Start",
            event_bus=bus,
            event_pattern=events.EventPattern(source=["floor"]),
            targets=[targets.SfnStateMachine(machine)],
        )
        api = apigw.HttpApi(self, "Api")
        integration = integrations.HttpLambdaIntegration("PlaceOrder", place)
        api.add_routes(path="/orders", methods=[apigw.HttpMethod.POST], integration=integration)
        CfnOutput(self, "ApiUrl", value=api.api_endpoint)
        CfnOutput(self, "OrdersTable", value=table.table_name)
