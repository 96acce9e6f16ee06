"""Card provider: the simulator of the external company that charges cards."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.function import ServiceFunction
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class CardProviderStack(Stack):
    """The simulator and its own records. It is not part of the platform."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        super().__init__(scope, env.stack_name("CardProvider"))

        charges = ServiceTable(self, "Charges", env=env, key="key")
        self.handle_request = ServiceFunction(
            self,
            "HandleRequest",
            env=env,
            handler="card_provider.handle_request",
            package="simulators",
            settings={
                "CHARGES_TABLE": charges.table_name,
                "CHARGE_LIMIT": str(env.card_limit),
            },
        )
        charges.grant(self.handle_request, "dynamodb:UpdateItem")

        CfnOutput(self, "CardProviderChargesTable", value=charges.table_name)
