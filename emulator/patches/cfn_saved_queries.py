"""CloudFormation's `AWS::Logs::QueryDefinition`.

AWS: a query that the console of Logs Insights offers; Ref gives its id.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-querydefinition.html
MiniStack 1.5.33: a template with one is refused. There is no console here that could offer it, so
nothing is kept.
Can go: when MiniStack registers the type.
"""

from uuid import uuid4

from emulator.patches._cloudformation import Properties, Resource, add_type


def install() -> None:
    """Register the resource type."""
    add_type(
        "AWS::Logs::QueryDefinition",
        create=lambda _id, _properties, _stack: _resource(str(uuid4())),
        update=lambda id_, _old, _new, _stack: _resource(id_),
        delete=_delete,
    )


def _resource(id_: str) -> Resource:
    return id_, {"QueryDefinitionId": id_}


def _delete(_id: str, _properties: Properties) -> None:
    """Nothing was kept."""
