"""`offers reload --json` says of each SKU what the text says, also if it is cut off."""

import json
from collections.abc import Callable, Iterator

import pytest

from lambdas.orders.offers import SkuOffers
from ops.deployed import OperationError
from ops.views.offers import DifferingOffers

Run = Callable[..., tuple[int, str, str]]


class FakeOffersView:
    """Offers of three SKUs differ. Orders has newer ones of b by now."""

    unreadable = 0
    throttled_after = 3

    def __init__(self, _: object) -> None:
        pass

    def differing(self) -> Iterator[DifferingOffers]:
        for sku in "abc"[: self.throttled_after]:
            yield DifferingOffers(offers=SkuOffers(sku=sku, sequence=2, offers=()), stored=1)
        if self.throttled_after < 3:
            raise OperationError("throttled: try again later")

    def write(self, each: DifferingOffers) -> bool:
        return each.offers.sku != "b"


@pytest.fixture(autouse=True)
def view(monkeypatch: pytest.MonkeyPatch) -> type[FakeOffersView]:
    monkeypatch.setattr(FakeOffersView, "throttled_after", 3)
    monkeypatch.setattr("ops.commands.offers_reload.OffersView", FakeOffersView)
    return FakeOffersView


@pytest.mark.parametrize(
    ("yes", "code", "written"),
    [((), 1, [False, False, False]), (("--yes",), 0, [True, False, True])],
)
def test_json_says_which_offers_were_written(
    run: Run, yes: tuple[str, ...], code: int, written: list[bool]
):
    ended, out, _ = run("offers", "reload", "--json", *yes)

    assert ended == code
    assert [each["written"] for each in json.loads(out)["differing"]] == written


def test_json_of_a_reload_that_fails_says_what_was_written_before(
    run: Run, view: type[FakeOffersView]
):
    view.throttled_after = 1

    code, out, err = run("offers", "reload", "--json", "--yes")

    assert (code, err) == (2, "throttled: try again later\n")
    assert [each["sku"] for each in json.loads(out)["differing"]] == ["a"]
