"""Provider: the stand-in of the outside company that charges cards."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.components.function import ServiceFunction
from stacks.components.table import ServiceTable
from stacks.environments import Environment


class ProviderStack(Stack):
    """What a real card provider would be, with a record of its own. Not part of the platform."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        super().__init__(scope, env.stack("Provider"))

        charges = ServiceTable(self, "Charges", env=env, key="key")
        self.answer = ServiceFunction(
            self,
            "Answer",
            env=env,
            verb="provider.answer",
            settings={
                "CHARGES_TABLE": charges.table_name,
                "CHARGE_LIMIT": str(env.card_limit),
            },
        )
        charges.grant(self.answer, "dynamodb:UpdateItem")

        CfnOutput(self, "ProviderChargesTable", value=charges.table_name)
