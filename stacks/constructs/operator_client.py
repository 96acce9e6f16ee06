"""How operators sign in at the HTTP API."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks.environments import Environment


class OperatorClient(Construct):
    """A machine client that gets access tokens with a scope for one service.

    Cognito adds custom scopes only to tokens of its OAuth endpoint, not to tokens of users who sign
    in through its API. The client credentials grant needs a domain, but no sign-in page.
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        pool: cognito.UserPool,
        service: str,
        scope_name: str,
        scope_description: str,
    ) -> None:
        """Declare the scope ``<service>/<scope_name>`` and the client."""
        super().__init__(scope, id)
        right = cognito.ResourceServerScope(
            scope_name=scope_name, scope_description=scope_description
        )
        server = cognito.UserPoolResourceServer(
            self, "Server", user_pool=pool, identifier=service, scopes=[right]
        )
        allowed = cognito.OAuthScope.resource_server(server, right)
        self.scope = allowed.scope_name
        self.client = cognito.UserPoolClient(
            self,
            "Client",
            user_pool=pool,
            generate_secret=True,
            access_token_validity=Duration.hours(1),
            prevent_user_existence_errors=True,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(client_credentials=True), scopes=[allowed]
            ),
        )
        # The prefix must be unique in the Region, across all accounts.
        prefix = f"{env.stack_name(service).lower()}-{Aws.ACCOUNT_ID}"
        self.domain = cognito.UserPoolDomain(
            self,
            "Domain",
            user_pool=pool,
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix),
        )
