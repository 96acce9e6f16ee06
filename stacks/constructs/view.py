"""The two tables of a view: one is live, the other is for a rebuild."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CfnOutput, CfnParameter, CfnResource, Stack, Token
from constructs import Construct

from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class View(Construct):
    """A view with two tables; the stack's parameter ``<id>Slot`` selects the live one.

    `python -m ops view rebuild` fills the other table, then sets the parameter. Deployments keep
    its value. Functions always have permissions for both tables, so that none fails while its
    setting changes. CloudFormation updates the reader before the writer; until the writer has
    changed, the rebuild writes to the new table in its place.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        setting: str,
        key: str,
        sort_key: str = "",
        index: tuple[str, str] | None = None,
    ) -> None:
        """Declare both tables. The functions' variable ``setting`` has the live table's name."""
        super().__init__(scope, id)
        indexes = [index] if index else []
        self._tables = [
            ServiceTable(self, name, env=env, key=key, sort_key=sort_key, indexes=indexes)
            for name in ("Blue", "Green")
        ]
        slot = CfnParameter(
            self,
            "Slot",
            default="0",
            allowed_values=["0", "1"],
            description=f"Which of the two tables of {id} is live",
        )
        slot.override_logical_id(f"{id}Slot")
        names = [table.table_name for table in self._tables]
        live, standby = (_select(slot, order) for order in (names, names[::-1]))
        self.settings: Mapping[str, str] = {setting: live}
        CfnOutput(Stack.of(self), f"{id}Table", value=live)
        CfnOutput(Stack.of(self), f"{id}StandbyTable", value=standby)

    def connect(
        self,
        *,
        writer: ServiceFunction,
        writes: Sequence[str],
        reader: ServiceFunction,
        reads: Sequence[str],
        queried_by: str = "",
    ) -> None:
        """Grant the writer and the reader their actions; ``queried_by`` names an index to query."""
        for table in self._tables:
            grant(writer, *writes, on=table.table_arn)
            grant(reader, *reads, on=table.table_arn)
            if queried_by:
                grant(reader, "dynamodb:Query", on=f"{table.table_arn}/index/{queried_by}")
        _resource(writer).add_resource_dependency(_resource(reader))


def _select(slot: CfnParameter, names: Sequence[str]) -> str:
    """Select a name by the parameter. The CDK's ``Fn.select`` cannot take a parameter as index."""
    return Token.as_string({"Fn::Select": [slot.value_as_string, list(names)]})


def _resource(function: ServiceFunction) -> CfnResource:
    resource: Any = function.node.default_child
    if not isinstance(resource, CfnResource):
        raise TypeError(f"{function.node.path} has no resource")
    return resource
