"""A service's SQL database: an Aurora DSQL cluster, its schema and its privileges."""

from collections.abc import Sequence
from hashlib import sha256

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_dsql as dsql
from constructs import Construct

from stacks.constructs.assets import ROOT
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.packages import PackagesLayer
from stacks.environments import Environment


class SqlDatabase(Construct):
    """A DSQL cluster, and a layer with the driver that functions need."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id)
        self.cluster = dsql.CfnCluster(self, "Cluster", deletion_protection_enabled=env.keep_data)
        self.cluster.apply_removal_policy(env.removal_policy)
        # pg8000 is pure Python: one asset for every architecture, and no compiler anywhere.
        self.driver = PackagesLayer(
            self,
            "Driver",
            packages=["pg8000", "scramp", "asn1crypto", "python-dateutil", "six"],
        )

    def grant_connect(self, function: ServiceFunction, *, action: str = "dsql:DbConnect") -> None:
        """Allow ``function`` to connect. What it may do there follows from its database role."""
        grant(function, action, on=self.cluster.attr_resource_arn)


class Migrations(Construct):
    """Applies the migrations at each deployment that changes them, before the new code runs.

    The old code uses the new schema for a while, and keeps it after a rollback. So a migration must
    not remove anything that the old code needs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        database: SqlDatabase,
        service: str,
        database_role: str,
        functions: Sequence[ServiceFunction],
    ) -> None:
        """Declare the migrations.

        Args:
            scope: the service's stack.
            id: the construct's id.
            env: the environment.
            database: the database with the schema.
            service: the package with the migrations, the grants and the function ``migrate``.
            database_role: the role that the functions connect as.
            functions: the functions that are granted the role, and are deployed after the schema.
        """
        super().__init__(scope, id)
        migrate = ServiceFunction(
            self,
            "Migrate",
            env=env,
            handler=f"{service}.migrate",
            settings={
                "DATABASE_ENDPOINT": database.cluster.attr_endpoint,
                "DATABASE_ROLE": "admin",
            },
            timeout=Duration.minutes(2),
            layers=[database.driver],
            no_dlq_reason="CloudFormation waits for its response, and fails the stack without one",
        )
        database.grant_connect(migrate, action="dsql:DbConnectAdmin")
        schema = CustomResource(
            self,
            "Schema",
            resource_type="Custom::Migrations",
            service_token=migrate.function_arn,
            service_timeout=Duration.minutes(5),
            properties={
                "Migrations": fingerprint(service),
                "Grants": {database_role: [_role_arn(function) for function in functions]},
            },
        )
        schema.node.add_dependency(migrate)
        # CloudFormation creates resources in parallel unless one depends on the other. All that
        # calls a function refers to it, and so is created after it.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
        for function in functions:
            function.node.add_dependency(schema)


def _role_arn(function: ServiceFunction) -> str:
    if function.role is None:
        raise TypeError(f"{function.node.path} has no role of its own")
    return function.role.role_arn


def fingerprint(service: str) -> str:
    """Return a digest of the service's migrations and grants."""
    code = ROOT / "lambdas" / service
    files = [*sorted((code / "migrations").glob("*.sql")), code / "grants.py"]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
