"""How amounts are written for people."""

import pytest

from lambdas.contracts.values import Money, format_money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (5, "GBP", "0.05 GBP"),
        (123_456, "EUR", "1,234.56 EUR"),
        (1_234, "JPY", "1,234 JPY"),
        (1_234_567, "KWD", "1,234.567 KWD"),
        (12_345_678, "CLF", "1,234.5678 CLF"),
    ],
)
def test_money_is_formatted_with_the_digits_of_its_currency(amount: int, currency: str, text: str):
    assert format_money(Money(amount=amount, currency=currency)) == text
