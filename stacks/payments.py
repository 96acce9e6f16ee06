"""Payments: a double-entry ledger on Aurora DSQL."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.components.function import ServiceFunction
from stacks.components.sql_database import Migrations, SqlDatabase
from stacks.environments import Environment


class PaymentsStack(Stack):
    """Takes and refunds payments; who may, connects as a database role that may do just that."""

    def __init__(self, scope: Construct, *, env: Environment, provider: lambda_.IFunction) -> None:
        super().__init__(scope, env.stack("Payments"))

        # State
        ledger = SqlDatabase(self, "Ledger", env=env)

        # Functions
        def function(id: str, verb: str) -> ServiceFunction:
            return ServiceFunction(
                self,
                id,
                env=env,
                verb=f"payments.{verb}",
                settings={
                    "DATABASE_ENDPOINT": ledger.cluster.attr_endpoint,
                    "DATABASE_ROLE": "payments",
                    "PROVIDER_FUNCTION": provider.function_name,
                },
                timeout=Duration.seconds(7),
                layers=[ledger.driver],
            )

        self.take_payment = function("TakePayment", "take_payment")
        self.refund_payment = function("RefundPayment", "refund_payment")

        # Grants
        for payment in (self.take_payment, self.refund_payment):
            ledger.let_connect(payment)
            payment.add_to_role_policy(
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"], resources=[provider.function_arn]
                )
            )
        Migrations(
            self,
            "Migrations",
            env=env,
            database=ledger,
            service="payments",
            database_role="payments",
            functions=[self.take_payment, self.refund_payment],
        )

        CfnOutput(self, "LedgerEndpoint", value=ledger.cluster.attr_endpoint)
