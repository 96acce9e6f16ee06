"""Leave the platform running on a laptop, for a person to use."""

import shlex
import signal
import sys
from contextlib import ExitStack, closing
from pathlib import Path

from demo import api_client
from demo.deployment import CONTEXT_OPTIONS
from demo.offers import put_on_offer, wait_until_on_offer
from demo.run import Run, create_run, open_database, show_deployment
from demo.screen import Screen
from demo.stock_delivery import deliver_stock
from demo.workers import running_workers
from emulator.cloud import running


def up(*, port: int | None) -> int:
    """Deploy the platform to a local cloud and leave it running until a signal ends it."""
    screen = Screen()
    screen.title("Orders on a local cloud")
    with ExitStack() as stack:
        with screen.phase("starting") as note:
            cloud = stack.enter_context(running(port=port))
            note(cloud.endpoint)
        database = stack.enter_context(closing(open_database(cloud.directory / "run.sqlite3")))
        run = create_run(cloud, show_deployment(cloud, screen), database, reshard=False)
        run.customers.sign_up("ada")
        run.notifications.register("ada")
        for link in run.notifications.mailbox.links():
            run.notifications.mailbox.confirm(link)
        database.execute("INSERT INTO demand VALUES ('85123A', 1000)")
        deliver_stock(cloud, run.outputs["ReceiveStockFunction"], database)
        (offer,) = put_on_offer(run.catalog, "85123A", [255]).body["offers"]
        wait_until_on_offer(cloud, run.outputs, {"85123A": offer["valid_from"]})
        stack.enter_context(running_workers(cloud, run.outputs))
        _explain(run, screen)
        signal.pause()
    return 0


def _explain(run: Run, screen: Screen) -> None:
    """Write a shell's settings to a file, and print how to use the platform."""
    settings = run.cloud.directory / "env"
    variables = {
        **run.cloud.environment(),
        "API": run.outputs["ApiUrl"],
        "COGNITO_CLIENT": run.outputs["UserPoolClientId"],
        "ADA": run.customers.password,
        "OPERATORS_CLIENT": run.outputs["OperatorsClientId"],
        "OPERATORS_SECRET": api_client.Operators(run.cloud, run.outputs).secret,
        "OPERATORS_TOKEN_URL": run.outputs["OperatorsTokenUrl"],
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # cdk.json says python3, and this is the one that has the app's requirements.
    lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    settings.write_text("\n".join(lines) + "\n")
    settings.chmod(0o600)
    (group, bus) = (run.outputs["EventLogGroup"], run.outputs["EventBus"])
    screen.say(
        f"""
In another shell, first:

  . {settings}

Sign in as customer ada, place an order, read it:

  TOKEN=$(curl -s --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL" \\
    -H 'X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth' \\
    -H 'Content-Type: application/x-amz-json-1.1' \\
    -d '{{"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "'"$COGNITO_CLIENT"'",
         "AuthParameters": {{"USERNAME": "ada", "PASSWORD": "'"$ADA"'"}}}}' |
    sed -E 's/.*"AccessToken": *"([^"]+)".*/\\1/')

  curl -s --cacert "$AWS_CA_BUNDLE" "$API/orders" -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' -H 'Idempotency-Key: first' -d '{{
      "currency": "GBP", "country": "United Kingdom",
      "lines": [{{"sku": "85123A", "quantity": 6, "unit_price": 255}}]}}'

  curl -s --cacert "$AWS_CA_BUNDLE" "$API/orders/ORDER_ID" -H "Authorization: Bearer $TOKEN"

Put a product on offer, as an operator:

  OPERATOR=$(curl -s --cacert "$AWS_CA_BUNDLE" "$OPERATORS_TOKEN_URL" \\
    -u "$OPERATORS_CLIENT:$OPERATORS_SECRET" \\
    -d grant_type=client_credentials -d scope={api_client.OPERATORS_SCOPE} |
    sed -E 's/.*"access_token": *"([^"]+)".*/\\1/')

  curl -s --cacert "$AWS_CA_BUNDLE" -X PUT "$API/products/85123A" \\
    -H "Authorization: Bearer $OPERATOR" -H 'Content-Type: application/json' -d '{{
      "name": "White hanging heart", "offers": [
        {{"currency": "GBP", "unit_price": 255}}, {{"currency": "GBP", "unit_price": 295}}]}}'

Read its events, and put one of your own:

  aws --endpoint-url "$AWS_ENDPOINT_URL" logs filter-log-events --log-group-name {group} \\
    --query 'events[].message' --output text
  aws --endpoint-url "$AWS_ENDPOINT_URL" events put-events --entries '[{{
    "EventBusName": "{bus}", "Source": "com.aws.orders", "DetailType": "Order Notification",
    "Detail": "{{\\"category\\": \\"lab-supplies\\", \\"value\\": 415}}"}}]'

After an edit:

  npx cdk deploy --all --require-approval never {" ".join(CONTEXT_OPTIONS)}

Ctrl-C here ends everything."""
    )
