"""A graph in columns reads from left to right and does not depend on chance."""

from hypothesis import given
from hypothesis import strategies as st

from ops.console.layered import columns

EDGES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40)


def test_chain_is_one_column_for_each_node():
    assert columns("abc", [("b", "c"), ("a", "b")]) == [["a"], ["b"], ["c"]]


def test_node_is_right_of_all_that_lead_to_it():
    assert columns("abcd", [("a", "d"), ("a", "b"), ("b", "c"), ("c", "d")])[-1] == ["d"]


def test_what_nothing_leads_to_is_next_to_what_it_leads_to():
    assert columns("abcx", [("a", "b"), ("b", "c"), ("x", "c")]) == [["a"], ["b", "x"], ["c"]]


def test_order_in_a_column_keeps_lines_from_crossing():
    left, right = columns("abcxyz", [("a", "z"), ("b", "y"), ("c", "x")])

    assert [left.index(each) for each in "abc"] == [right.index(each) for each in "zyx"]


def test_cycle_is_broken_and_nothing_has_no_columns():
    assert sorted(map(sorted, columns("ab", [("a", "b"), ("b", "a")]))) == [["a"], ["b"]]
    assert columns("", []) == []


@given(EDGES)
def test_every_node_has_one_place_and_the_same_one_again(edges: list[tuple[int, int]]):
    found = columns(range(12), edges)

    assert sorted(node for column in found for node in column) == list(range(12))
    assert columns(range(12), edges) == found
    assert all(found)
