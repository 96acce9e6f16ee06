"""The smoke test: its steps wait, fail by name, and take away what they made."""

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops import __main__ as main
from ops.deployed import Outputs
from ops.smoke.api import Answer, Api, Send, bearer
from ops.smoke.orders import SmokeError, SmokeOrders
from ops.smoke.run import SmokeTest
from tests.unit.ops.account_fakes import client_error, fake_client, raising
from tests.unit.ops.dead_letter_samples import message, templates
from tests.unit.ops.fakes import FakeSinkReader
from tests.unit.ops.smoke_fakes import STATES, TOKEN, Deployed, Shop, UserNotFound

LATER = "later   whether alarms watch metrics that exist: only an account can show it"


class Clock:
    """Time passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def orders(shop: Shop, send: Send | None = None) -> SmokeOrders:
    clock = Clock()
    api = Api(url="https://api", authorize=bearer(TOKEN), send=send or shop.send, sleep=clock.sleep)
    return SmokeOrders(
        customer=api,
        operator=api,
        run_id="smoke",
        wait_seconds=10,
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )


def test_order_is_placed_again_until_its_price_is_on_offer():
    shop = Shop(refusals=3)

    assert orders(shop).place("dispatched", 1) == "order-dispatched"

    assert shop.calls == ["POST /orders"] * 4


def test_price_that_is_never_on_offer_is_named():
    with pytest.raises(SmokeError, match="SMOKE-TEST is not on offer in orders after 10 s"):
        orders(Shop(refusals=99)).place("dispatched", 1)


def test_order_that_ends_otherwise_fails_at_once():
    of = orders(Shop({"dispatched": "REJECTED"}))

    with pytest.raises(SmokeError, match="order order-dispatched is REJECTED, not DISPATCHED"):
        of.await_state(of.place("dispatched", 1), "DISPATCHED")


def test_order_that_does_not_end_in_time_is_named_with_its_state():
    of = orders(Shop({"dispatched": "CONFIRMED"}))

    with pytest.raises(SmokeError, match="is still CONFIRMED, not DISPATCHED after 10 s"):
        of.await_state(of.place("dispatched", 1), "DISPATCHED")


def test_throttled_request_is_sent_again():
    answers = iter([Answer(429, {}), Answer(503, {}), Answer(200, {"state": "PLACED"})])
    api = Api(
        url="https://api",
        authorize=bearer(TOKEN),
        send=lambda _: next(answers),
        sleep=lambda _: None,
    )

    assert api.call("GET", "/orders/1").body == {"state": "PLACED"}


class SmokeTestWithoutQueues(SmokeTest):
    """All steps but the last."""

    def steps(self) -> Iterator[Any]:
        named = SmokeTest.steps(self)
        return (each for each in named if each[0] != "a dead letter is redriven")


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({}, 0, "works   the views show the same orders"),
        ({"dispatched": "CONFIRMED"}, 1, "FAILED  an order is dispatched: order order-dispatched"),
    ],
)
def test_command_says_what_works_and_takes_away_what_it_made(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: Mapping[str, str],
    code: int,
    said: str,
):
    deployed, shop = Deployed(), Shop({**STATES, **changed})
    monkeypatch.setattr(main, "deployed", lambda _: deployed)
    test = partial(SmokeTestWithoutQueues, send=shop.send)
    monkeypatch.setattr("ops.commands.smoke.SmokeTest", test)
    monkeypatch.setattr("sys.argv", ["ops", "smoke", "--wait", "0"])

    assert main.main() == code

    *_, ended, last = capsys.readouterr().out.splitlines() + [""] * code
    assert ended.startswith(said)
    assert last == ("" if code else LATER)
    assert shop.calls[-1] == "PUT /products/SMOKE-TEST"
    assert ("DELETE /orders/order-dispatched" in shop.calls) == bool(changed)
    assert len(deployed.deleted) == 1


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("/timeline", "there is no timeline of order-dispatched after 10 s"),
        ("/orders", "orders has {'order-dispatched': 'DISPATCHED'}, and the list of orders has {}"),
    ],
)
def test_view_that_lacks_an_order_is_named(lost: str, said: str):
    shop = Shop()

    def send(request: urllib.request.Request) -> Answer:
        if request.get_method() == "GET" and request.full_url.endswith(lost):
            return Answer(404, {}) if lost == "/timeline" else Answer(200, {"orders": []})
        return shop.send(request)

    smoke = orders(shop, send)
    smoke.place("dispatched", 1)

    with pytest.raises(SmokeError, match=re.escape(said)):
        smoke.await_views()


class HalfDeployed(Deployed):
    """A platform with one stack that is still being created: it has no outputs."""

    def __init__(self, unfinished: str) -> None:
        super().__init__()
        self._unfinished = unfinished

    def outputs(self, stack: str) -> Mapping[str, str]:
        outputs = {} if stack == self._unfinished else super().outputs(stack)
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        name = f"Orders-Dev-{stack}"
        return Outputs({"StackName": name, "StackStatus": "CREATE_FAILED", "Outputs": listed})


@pytest.mark.parametrize(
    ("stack", "output"), [("HttpApi", "ApiUrl"), ("Inventory", "ReceiveStockFunction")]
)
def test_stack_that_is_not_finished_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stack: str, output: str
):
    monkeypatch.setattr(main, "deployed", lambda _: HalfDeployed(stack))
    monkeypatch.setattr("ops.commands.smoke.SmokeTest", partial(SmokeTest, send=Shop().send))
    monkeypatch.setattr("sys.argv", ["ops", "smoke", "--wait", "0"])

    code, said = main.main(), capsys.readouterr()

    why = f"the stack Orders-Dev-{stack}, CREATE_FAILED, has no output {output}: "
    assert (code, said.out) == (2, "")
    assert said.err.startswith(why)


def test_user_that_could_not_be_created_is_not_said_to_be_left(monkeypatch: pytest.MonkeyPatch):
    deployed, denied = Deployed(), client_error("AccessDeniedException")
    cognito = deployed.clients["cognito-idp"]
    monkeypatch.setattr(cognito, "admin_create_user", raising(denied))
    monkeypatch.setattr(cognito, "admin_delete_user", raising(UserNotFound()))
    test = SmokeTest(deployed=deployed, wait_seconds=0, send=Shop().send)  # type: ignore[arg-type]

    with pytest.raises(ClientError):
        dict(test.steps())["an operator and a customer sign in"]()

    assert list(test.clean_up()) == []


def test_operator_without_a_client_signs_requests_with_credentials_of_aws():
    shop, shown = Shop(), {}

    def send(request: urllib.request.Request) -> Answer:
        shown[request.get_method()] = request.get_header("Authorization")
        return shop.send(request)

    deployed: Any = Deployed(operators_client=False)
    test = SmokeTest(deployed=deployed, wait_seconds=0, send=send)
    steps = dict(test.steps())
    for step in ("an operator and a customer sign in", "a product is on offer"):
        steps[step]()
    test.orders.place("dispatched", 1)

    assert "POST /token" not in shop.calls
    credential = r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d+/eu-west-1/execute-api/aws4_request"
    assert re.match(credential, str(shown["PUT"]))
    assert shown["POST"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(("left", "cancelled"), [(0, 1), (2, 3), (3, None)])
def test_order_that_left_before_it_was_cancelled_is_replaced_and_so_are_its_units(
    left: int, cancelled: int | None
):
    states = dict.fromkeys(("cancelled1", "cancelled2", "cancelled3"), "CANCELLED")
    states |= {f"cancelled{number}": "DISPATCHED" for number in range(1, left + 1)}
    deliveries = list[Any]()
    deployed: Any = Deployed()

    def deliver(Payload: str, **_: Any) -> Any:  # noqa: N803
        deliveries.append(json.loads(Payload))
        return {}

    deployed.clients["lambda"].invoke = deliver
    test = SmokeTest(deployed=deployed, wait_seconds=0, send=Shop(states).send)
    steps = dict(test.steps())
    steps["an operator and a customer sign in"]()

    if cancelled is None:
        with pytest.raises(SmokeError, match="3 orders left before they could be cancelled"):
            steps["an order is cancelled"]()
    else:
        steps["an order is cancelled"]()
        assert list(test.orders.placed)[-1] == f"cancelled{cancelled}"

    assert [each["lines"][0]["quantity"] for each in deliveries] == list(range(1, left + 1))
    assert len({each["delivery_id"] for each in deliveries}) == left
    assert list(test.clean_up()) == []


def test_order_that_could_not_be_cancelled_is_said_to_be_left():
    shop = Shop({"dispatched": "CONFIRMED"})

    def send(request: urllib.request.Request) -> Answer:
        return Answer(404, {}) if request.get_method() == "DELETE" else shop.send(request)

    test = SmokeTest(deployed=Deployed(), wait_seconds=0, send=send)  # type: ignore[arg-type]
    steps = dict(test.steps())
    steps["an operator and a customer sign in"]()
    test.orders.place("dispatched", 1)

    (left,) = test.clean_up()

    assert left == "the order order-dispatched may still be open: the API answers 404: {}"


@pytest.mark.parametrize("denied", [False, True])
def test_dead_letter_is_deleted_after_an_interruption_or_named(
    monkeypatch: pytest.MonkeyPatch, denied: bool
):
    made, of_another = message("{}", id="made"), message("{}", id="another")
    queue = FakeSinkReader([of_another])
    deployed: Any = Deployed()
    deployed.templates = templates

    def send_message(**_: Any) -> Any:
        queue.messages.append(made)
        return {"MessageId": made.id}

    deployed.clients["sqs"] = fake_client(send_message=send_message)
    monkeypatch.setattr("ops.dlq.purge.reader_for", lambda *_: queue)
    monkeypatch.setattr("ops.smoke.run.prepare_redrive", raising(KeyboardInterrupt()))
    test = SmokeTest(deployed=deployed, wait_seconds=0, send=Shop().send)
    steps = dict(test.steps())
    steps["an operator and a customer sign in"]()
    test.orders.place("dispatched", 1)
    with pytest.raises(KeyboardInterrupt):
        steps["a dead letter is redriven"]()
    if denied:
        monkeypatch.setattr(queue, "delete", raising(client_error("AccessDenied")))

    left = list(test.clean_up())

    assert queue.ids == (["another", "made"] if denied else ["another"])
    assert [each.partition(":")[0] for each in left] == [
        "the dead letter made may still be in warehouse/PickingDeadLetters"
    ] * denied
