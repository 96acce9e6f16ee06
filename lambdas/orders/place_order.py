"""POST /orders: accept an order. The outbox relay publishes its event."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.contracts.customer_limits import CustomerLimits
from lambdas.contracts.problems import ProblemError
from lambdas.orders.admission import RETRY_AFTER, Admission, TooManyOpenOrdersError
from lambdas.orders.api import (
    BUSY,
    CUSTOMER_LIMIT,
    KEY_REUSED,
    PRICE_NOT_ON_OFFER,
    OrderStatus,
)
from lambdas.orders.backlog import BacklogStore
from lambdas.orders.customer_limits import CustomerLimitError
from lambdas.orders.customer_orders import CustomerOrders
from lambdas.orders.dedup_key import with_dedup_key
from lambdas.orders.domain import KeyReusedError, Order
from lambdas.orders.known_offers import KnownOffers
from lambdas.orders.offers import PriceNotOnOfferError, check_prices
from lambdas.orders.offers_view import OffersView
from lambdas.orders.order_request import parse_order_request
from lambdas.orders.store import Orders
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting, whole_number
from lambdas.runtime.unreadable import report_unreadable

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
offers_view = OffersView(setting("OFFERS_TABLE"), dynamodb=client("dynamodb"))
grace = timedelta(seconds=whole_number("OFFER_GRACE_SECONDS"))
offers = KnownOffers(partial(offers_view.find, report=report_unreadable), grace=grace)
backlog = BacklogStore(setting("CHECKPOINTS_TABLE"), dynamodb=client("dynamodb"))
customer_orders = CustomerOrders(
    setting("OPEN_ORDERS_TABLE"),
    orders=setting("ORDERS_TABLE"),
    limits=CustomerLimits(**json.loads(setting("CUSTOMER_LIMITS"))),
    dynamodb=client("dynamodb"),
)
admission = Admission(backlog.read, limit=whole_number("MAX_OPEN_ORDERS"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 202 with the order's id and state, or 400 naming every bad field, 409, or 429.

    A 409 is for a reused key, or names each line whose price is not on offer, or each limit that
    the customer's open orders would exceed. A 429 says that too many orders are waiting. A retry of
    an accepted order always gets its id and its current state.
    """
    body = http.body(event)
    requested = parse_order_request(
        body,
        customer_id=http.caller_id(event),
        idempotency_key=http.header(event, "Idempotency-Key"),
        request_id=http.request_id(event),
        now=current_time(),
    )
    try:
        order = _accept(with_dedup_key(requested), lines=body["lines"])
    except KeyReusedError as conflict:
        raise ProblemError(KEY_REUSED, str(conflict)) from None
    except PriceNotOnOfferError as bad:
        raise ProblemError(PRICE_NOT_ON_OFFER, str(bad), errors=bad.errors) from None
    except CustomerLimitError as excess:
        raise ProblemError(CUSTOMER_LIMIT, str(excess)) from None
    except TooManyOpenOrdersError as busy:
        raise ProblemError(BUSY, str(busy), retry_after=RETRY_AFTER) from None
    log("order_placed", order_id=order.order_id)
    return http.json_response(202, OrderStatus(order_id=order.order_id, state=order.state))


def _accept(order: Order, *, lines: Sequence[Mapping[str, Any]]) -> Order:
    """Store the order and return it; if this is a retry, return the stored one.

    Prices, the backlog and the customer's limits are checked for new orders only. A retry is looked
    up separately only when one of these checks fails.

    Raises:
        TooManyOpenOrdersError: the backlog is above its limit, or others of the customer's orders
            were placed during each attempt.
        CustomerLimitError: the customer's open orders would exceed a limit.
        PriceNotOnOfferError: a line's price is not on offer.
        KeyReusedError: the key was used for a different order, or for one that has expired.
        ContractError: the customer's row, or that of the stored order, cannot be read.
    """
    now = datetime.fromisoformat(order.placed_at)
    try:
        admission.check(now)
        check_prices(
            lines,
            currency=order.currency,
            offers=offers.find(lines, currency=order.currency, now=now),
            now=now,
            grace=grace,
        )
        return customer_orders.add(order)
    except (TooManyOpenOrdersError, PriceNotOnOfferError, CustomerLimitError, ContractError):
        stored = orders.find_retried(order)
        if stored is None:
            raise
        return stored
