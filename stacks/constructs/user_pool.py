"""The users of the HTTP API: customers, who sign in, and operators, whose client has a secret."""

from dataclasses import dataclass

from aws_cdk import Aws, Duration
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks.constructs.nag import acknowledge
from stacks.environments import Environment

SIGNED_IN = "aws.cognito.signin.user.admin"
"""The scope of every access token that signing in through Cognito's API gives. ID tokens have none.
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
"""
TOKEN_LIFE = Duration.hours(1)
"""How long a token works, also after its user has signed out or was deleted: API Gateway checks a
token's signature and expiry, and does not ask Cognito.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """The operators' client."""

    client: cognito.IUserPoolClient
    scopes: tuple[str, str]
    """The scopes for reading and for writing."""
    token_url: str
    """Where the client gets its tokens."""


class UserPool(Construct):
    """One pool with the shop's client for customers, and, where it is set, one for operators.

    A machine client costs 6 USD a month. Without one, operators sign their requests with
    credentials of the AWS account (ADR 13).
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id)
        self.pool = self._pool(env)
        self.shop = self.pool.add_client(
            "Shop",
            auth_flows=cognito.AuthFlow(user_password=True, user_srp=True),
            access_token_validity=TOKEN_LIFE,
            prevent_user_existence_errors=True,
            disable_o_auth=True,
        )
        self.operators = self._operators(env) if env.operators_client else None

    def _operators(self, env: Environment) -> Operators:
        """Declare the operators' client.

        Cognito adds custom scopes only to tokens of its OAuth endpoint, not to tokens of users who
        sign in through its API. The client credentials grant needs a domain, but no sign-in page.
        """
        read, write = (
            cognito.ResourceServerScope(scope_name=name, scope_description=description)
            for name, description in (("read", "see"), ("write", "change"))
        )
        server = self.pool.add_resource_server(
            "Operators", identifier="operators", scopes=[read, write]
        )
        scopes = [cognito.OAuthScope.resource_server(server, each) for each in (read, write)]
        client = self.pool.add_client(
            "OperatorsClient",
            generate_secret=True,
            access_token_validity=TOKEN_LIFE,
            prevent_user_existence_errors=True,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(client_credentials=True), scopes=scopes
            ),
        )
        # The prefix must be unique in the Region, across all accounts.
        domain = self.pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(
                domain_prefix=f"{env.stack_name('api').lower()}-{Aws.ACCOUNT_ID}"
            ),
        )
        return Operators(
            client=client,
            scopes=(scopes[0].scope_name, scopes[1].scope_name),
            token_url=f"{domain.base_url()}/oauth2/token",
        )

    def _pool(self, env: Environment) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
            ),
            deletion_protection=env.keep_data,
            removal_policy=env.removal_policy,
        )
        acknowledge(
            pool,
            "AwsSolutions-COG2",
            reason="a shop that requires a second factor of its customers loses them",
        )
        acknowledge(
            pool,
            "AwsSolutions-COG8",
            reason="the plus plan is billed by active customer; nothing here needs it",
        )
        return pool
