import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.inventory import (
    DeliveredLine,
    OutOfStock,
    ReceiveStock,
    ReservationAlreadyReleased,
    ReservationState,
    ReserveStock,
)
from lambdas.contracts.values import MAX_QUANTITY, MAX_SKUS, Line
from lambdas.inventory.domain import (
    Reservation,
    StockBusyError,
    merge_lines_by_sku,
    out_of_stock_message,
    plan_delivery,
    refuse_unless_reserved,
)


def line(sku: str, quantity: int) -> Line:
    return Line(sku=sku, quantity=quantity)


def delivered(sku: str, quantity: int, minimum: int | None = None) -> DeliveredLine:
    return DeliveredLine(sku=sku, quantity=quantity, minimum=minimum)


def reservation(state: str, explanation: str = "") -> Reservation:
    return Reservation(
        order_id="o1",
        state=ReservationState(state),
        lines=(),
        created_at="",
        changed_at="",
        explanation=explanation,
    )


def test_lines_of_one_sku_together_have_at_most_what_one_line_may_have():
    half = MAX_QUANTITY // 2
    fit = ReserveStock(order_id="o1", lines=(line("A", half), line("A", half)))
    assert merge_lines_by_sku(fit) == (line("A", MAX_QUANTITY),)

    with pytest.raises(ContractError, match="lines have 1000000001 of 'A'"):
        merge_lines_by_sku(ReserveStock(order_id="o1", lines=(*fit.lines, line("A", 1))))


def test_lines_of_one_sku_are_summed():
    command = ReserveStock(order_id="o1", lines=(line("A", 1), line("B", 2), line("A", 3)))

    assert merge_lines_by_sku(command) == (line("A", 4), line("B", 2))


def test_every_bad_field_is_named():
    goods = (delivered("A", 0), delivered("", 1, minimum=-1), delivered("B", -2))
    command = ReceiveStock(delivery_id="d1", lines=goods)

    with pytest.raises(ContractError) as refusal:
        merge_lines_by_sku(command)

    assert refusal.value.problems == [
        "lines[0].quantity must not be 0",
        "lines[1].sku must not be empty",
        "lines[1].minimum must be at least 0, not -1",
    ]
    assert str(refusal.value).startswith("not a ReceiveStock: ")


def test_delivery_that_writes_off_what_it_adds_is_refused():
    with pytest.raises(ContractError) as refusal:
        merge_lines_by_sku(
            ReceiveStock(delivery_id="d1", lines=(delivered("A", 3), delivered("A", -3)))
        )

    assert refusal.value.problems == ["lines have 0 of 'A'"]


def test_less_than_one_unit_is_not_reserved():
    command = ReserveStock(order_id="o1", lines=(line("A", 0), line("B", -2)))

    with pytest.raises(ContractError) as refusal:
        merge_lines_by_sku(command)

    assert refusal.value.problems == [
        "lines[0].quantity must be at least 1, not 0",
        "lines[1].quantity must be at least 1, not -2",
    ]


def test_command_without_lines_is_refused():
    with pytest.raises(ContractError, match="lines must not be empty"):
        merge_lines_by_sku(ReserveStock(order_id="o1", lines=()))


def test_number_of_skus_is_limited_by_a_transaction():
    fit = [line(f"sku{i}", 1) for i in range(MAX_SKUS)]
    repeated = (*fit, fit[0])

    assert len(merge_lines_by_sku(ReserveStock(order_id="o1", lines=repeated))) == MAX_SKUS
    with pytest.raises(ContractError, match="at most 90 SKUs, not 91"):
        merge_lines_by_sku(ReserveStock(order_id="o1", lines=(*fit, line("one more", 1))))


def test_refusal_names_the_missing_units():
    assert out_of_stock_message(["85123A", "71053"]) == "too few available of 85123A, 71053"


def test_first_of_many_lacking_skus_are_named():
    named = ", ".join("ABCDEFGHIJ")

    assert out_of_stock_message("ABCDEFGHIJ") == f"too few available of {named}"
    assert out_of_stock_message("ABCDEFGHIJKL") == f"too few available of {named} and 2 more"


def test_answer_follows_the_reservations_state():
    refuse_unless_reserved(reservation("RESERVED"))
    with pytest.raises(OutOfStock, match=r"^too few available of A$"):
        refuse_unless_reserved(reservation("REFUSED", out_of_stock_message(["A"])))
    for state in ("RELEASING", "RELEASED"):
        with pytest.raises(ReservationAlreadyReleased, match="order o1 was released"):
            refuse_unless_reserved(reservation(state))
    with pytest.raises(StockBusyError, match="order o1 waits for a batch"):
        refuse_unless_reserved(reservation("WAITING"))


def test_last_minimum_of_a_delivery_holds():
    goods = (delivered("A", 1, minimum=3), delivered("A", 1), delivered("B", 1, minimum=0))
    command = ReceiveStock(delivery_id="d1", lines=goods)

    planned = plan_delivery(command, received_at="2026-12-01T08:00:00.000Z")

    assert planned.lines == (delivered("A", 2, minimum=3), delivered("B", 1, minimum=0))


@pytest.mark.parametrize("sku", [" 85123A", "a//b", "85123A\u200b", "85123A\n"])
def test_delivery_of_a_sku_that_no_route_takes_is_refused(sku: str):
    command = ReceiveStock(delivery_id="d1", lines=(delivered("A", 1), delivered(sku, 1)))

    with pytest.raises(ContractError, match=r"lines\[1\]\.sku must") as refusal:
        plan_delivery(command, received_at="2026-12-01T08:00:00.000Z")

    assert "lines[0]" not in str(refusal.value)
