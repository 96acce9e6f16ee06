"""Which texts from outside are refused: those that hide something from a reader."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.text import sku_problem, text_problem


@pytest.mark.parametrize(
    "text",
    [
        "85123A",
        "POST & PACK",
        "100%",
        "Müller/李",
        "a+b=c?",
        "\N{GRINNING FACE}",
        "'quoted' \"\\",
        "",
    ],
)
def test_visible_text_is_accepted(text: str):
    assert text_problem(text) is None


@pytest.mark.parametrize(
    ("character", "named"),
    [
        ("\x00", "U+0000"),
        ("\n", "U+000A"),
        ("\x1b", "U+001B"),
        ("\x85", "U+0085"),
        ("\u202e", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("\u2066", "U+2066 (LEFT-TO-RIGHT ISOLATE)"),
        ("\u200b", "U+200B (ZERO WIDTH SPACE)"),
        ("\u200d", "U+200D"),
        ("\ufeff", "U+FEFF"),
        ("\u00a0", "U+00A0"),
        ("\u2028", "U+2028"),
        ("\u00ad", "U+00AD"),
        ("\u034f", "U+034F"),
        ("\u3164", "U+3164"),
        ("\u2800", "U+2800"),
        ("\ufe0f", "U+FE0F"),
        ("\U000e0041", "U+E0041"),
        ("\ud800", "U+D800"),
        ("\ue000", "U+E000"),
    ],
)
def test_invisible_character_is_refused_by_name(character: str, named: str):
    problem = text_problem(f"a{character}b")

    assert problem is not None
    assert problem.startswith(f"must not contain {named}")


@given(st.text(max_size=20))
def test_accepted_text_has_no_control_format_or_separator(text: str):
    if text_problem(text) is None:
        kinds = {category(each) for each in text if each != " "}
        assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


@pytest.mark.parametrize("sku", ["A/B", "1/2 INCH", "...", "a.b/c..d", "%2F", "?#&", "é"])
def test_sku_with_any_visible_character_is_accepted(sku: str):
    assert sku_problem(sku) is None


@pytest.mark.parametrize("sku", [".", "..", "a/..", "./a", "a//b", "/a", "a/", "/"])
def test_sku_that_urls_do_not_carry_is_refused(sku: str):
    assert "slashes" in (sku_problem(sku) or "")


@pytest.mark.parametrize("sku", [" a", "a ", "a\u202eb"])
def test_sku_with_space_around_it_or_hidden_characters_is_refused(sku: str):
    assert sku_problem(sku)
