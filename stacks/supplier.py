"""Supplier: the simulator of the company that delivers purchase orders."""

from aws_cdk import Stack
from constructs import Construct

from stacks.constructs.function import ServiceFunction
from stacks.environments import Environment


class SupplierStack(Stack):
    """The simulator's function. It is not part of the platform."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        super().__init__(scope, env.stack_name("Supplier"))

        self.answer_purchase_order = ServiceFunction(
            self,
            "AnswerPurchaseOrder",
            env=env,
            handler="supplier.answer_purchase_order",
            package="simulators",
            settings={"LEAD_TIME_SECONDS": str(env.lead_time.to_seconds())},
        )
