"""Who uses the ledger does so in the schema that they were written for."""

import pytest
from aws_cdk.assertions import Template

from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import DSQL, FUNCTION
from tests.templates.synthesis import Platform, platform

SCHEMA = "Custom::Migrations"


@pytest.fixture(params=ENVIRONMENTS)
def deployed(request: pytest.FixtureRequest) -> Platform:
    return platform(request.param)


def test_functions_depend_on_the_schema(deployed: Platform):
    """CloudFormation does at once what does not depend on each other: new code in an old schema."""
    schema = deployed.one(SCHEMA)
    endpoint = {"Fn::GetAtt": [deployed.one(DSQL).id, "Endpoint"]}
    users = {
        function.id: schema.id in function.declaration.get("DependsOn", [])
        for function in deployed.all(FUNCTION)
        if function.stack == schema.stack
        and function.properties["Environment"]["Variables"].get("DATABASE_ENDPOINT") == endpoint
    }

    (migrate,) = (id for id, waits in users.items() if "Migrate" in id)
    assert len(users) > 1
    assert {id for id, waits in users.items() if not waits} == {migrate}


def test_dependencies_have_no_cycle(deployed: Platform):
    """``from_json`` refuses a template whose resources do."""
    Template.from_json(deployed.templates[deployed.one(SCHEMA).stack])
