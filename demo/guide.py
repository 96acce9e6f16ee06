"""Instructions for a platform that runs on a laptop: settings for a shell, and commands to try."""

import re
import shlex
import sys
from pathlib import Path

from demo.deployment import CONTEXT_OPTIONS
from demo.run import Run
from demo.screen import Screen

EXPORTED = (
    "EventBus",
    "EventLogGroup",
    "PartnerBus",
    "PartnerLogGroup",
    "OrderStreamName",
    "WarehouseStockTable",
    "PickingsTable",
)
"""The outputs of stacks that a shell gets, as `EVENT_BUS` and so on."""

FUNCTIONS = r"""
customer_token() {
  printf '{"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "%s",
    "AuthParameters": {"USERNAME": "%s", "PASSWORD": "%s"}}' \
    "$COGNITO_CLIENT" "$CUSTOMER" "$PASSWORD" |
    curl -s --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL" -d @- \
      -H 'X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth' \
      -H 'Content-Type: application/x-amz-json-1.1' |
    sed -E 's/.*"AccessToken": *"([^"]+)".*/\1/'
}
operator_token() {
  printf 'user = "%s:%s"\n' "$OPERATORS_CLIENT" "$OPERATORS_SECRET" |
    curl -s --cacert "$AWS_CA_BUNDLE" "$OPERATORS_TOKEN_URL" -K - -d grant_type=client_credentials |
    sed -E 's/.*"access_token": *"([^"]+)".*/\1/'
}
call() {
  token=$1 && shift
  printf 'Authorization: Bearer %s\n' "$token" | curl -s --cacert "$AWS_CA_BUNDLE" -H @- \
    -H 'Content-Type: application/json' "$API$@" && echo
}
api() { call "$(customer_token)" "$@"; }
operator() { call "$(operator_token)" "$@"; }
mails() {
  printf 'x-orders-key: %s\n' "$AWS_ACCESS_KEY_ID" | curl -s --cacert "$AWS_CA_BUNDLE" -H @- \
    "$AWS_ENDPOINT_URL/_ministack/ses/messages" && echo
}
"""
"""Calls of the HTTP API as a customer and as an operator. They sign in each time: tokens expire.

Secrets reach curl by its standard input: every user of the machine can read its command line.
"""


def explain(
    run: Run, screen: Screen, *, customer: str, line: tuple[str, int], console: str
) -> None:
    """Write a shell's settings to a file, and print how to use the platform.

    `customer` is one who can sign in; `line` is a SKU that is on offer, and its price.
    """
    sku, price = line
    settings = run.cloud.directory / "env"
    settings.touch(mode=0o600)
    settings.write_text(_settings(run, customer))
    text = f"""
See it in a browser, with its orders and dead letters:

  {console}

In another shell, first:

  . {shlex.quote(str(settings))}

As customer {customer}, who is signed in by every call, place an order, read it and its timeline,
cancel it:

  api /orders -H 'Idempotency-Key: first' -d '{{
      "currency": "GBP", "country": "United Kingdom",
      "lines": [{{"sku": "{sku}", "quantity": 6, "unit_price": {price}}}]}}'
  api /orders/ORDER_ID
  api /orders/ORDER_ID/timeline
  api /orders/ORDER_ID -X DELETE

See all the customer's orders, and a product; set another address for mails, which gets none until
the link in its first mail is opened (docs/openapi.json has every route, and make api-docs shows
them):

  api /orders
  api /products/{sku}
  api /contact -X PUT -d '{{"email": "{customer}@customers.example", "name": "Customer"}}'

As an operator, put a product on offer, and see the sales of a day:

  operator /products/{sku} -X PUT -d '{{
      "name": "An article", "offers": [{{"currency": "GBP", "unit_price": {price}}},
        {{"currency": "GBP", "unit_price": {price + 40}}}]}}'
  operator "/sales?per=product&day=$(date -u +%F)"

Operate it:

  python -m ops --help
  python -m ops order list
  python -m ops order show ORDER_ID
  python -m ops dlq list

Read its events, and put one of your own (docs/tour.md shows each part of the platform so):

  aws logs filter-log-events --log-group-name "$EVENT_LOG_GROUP" --query 'events[].message'
  aws events put-events --entries '[{{"EventBusName": "{run.outputs["EventBus"]}",
    "Source": "com.aws.orders", "DetailType": "Order Notification",
    "Detail": "{{\\"category\\": \\"lab-supplies\\", \\"value\\": 415}}"}}]'

See the mails that were sent; none has left this machine:

  mails

After an edit (workers whose code changed are replaced some seconds later):

  npx cdk deploy --all --require-approval never {" ".join(CONTEXT_OPTIONS)}

Ctrl-C here ends everything."""
    for each in text.splitlines():
        screen.say(each)


def _settings(run: Run, customer: str) -> str:
    operators = run.cloud.client("cognito-idp").describe_user_pool_client(
        UserPoolId=run.outputs["UserPoolId"], ClientId=run.outputs["OperatorsClientId"]
    )["UserPoolClient"]
    variables = {
        **run.cloud.environment(),
        "API": run.outputs["ApiUrl"],
        "COGNITO_CLIENT": run.outputs["UserPoolClientId"],
        "CUSTOMER": customer,
        "PASSWORD": run.customers.password,
        "OPERATORS_CLIENT": operators["ClientId"],
        "OPERATORS_SECRET": operators["ClientSecret"],
        "OPERATORS_TOKEN_URL": run.outputs["OperatorsTokenUrl"],
        **{variable(name): run.outputs[name] for name in EXPORTED},
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # cdk.json runs `python3`: this has to be the interpreter that has the app's requirements.
    lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    return "\n".join(lines) + "\n" + FUNCTIONS


def variable(output: str) -> str:
    """Return the shell variable's name for a stack's output: EVENT_BUS for EventBus."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()
