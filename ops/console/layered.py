"""A layout of a directed graph in columns, so that it reads from left to right.

Each node is right of those that lead to it, as far as there is no cycle; a column's nodes are in
the order that keeps lines short. This is Sugiyama's method without its inner nodes.
https://en.wikipedia.org/wiki/Layered_graph_drawing
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import TypeVar

SWEEPS = 6
"""How often the order of the columns is improved, there and back."""

Node = TypeVar("Node", bound=Hashable)


def columns(nodes: Sequence[Node], edges: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """Return the nodes by column, each column from top to bottom."""
    forward = _acyclic(nodes, [(a, b) for a, b in edges if a != b])
    ranks = _ranks(nodes, forward)
    found: list[list[Node]] = [[] for _ in range(1 + max(ranks.values(), default=-1))]
    for node in nodes:
        found[ranks[node]].append(node)
    sources, targets = _neighbours(nodes, forward)
    for sweep in range(SWEEPS):
        neighbours, order = (sources, found) if sweep % 2 == 0 else (targets, found[::-1])
        places = _places(found)
        for column in order:
            near = {
                node: fmean([places[each] for each in neighbours[node]] or [places[node]])
                for node in column
            }
            column.sort(key=near.__getitem__)
            places |= {node: (i + 0.5) / len(column) for i, node in enumerate(column)}
    return found


def _places(found: Sequence[Sequence[Node]]) -> dict[Node, float]:
    """Return how far down each node is in its column, from 0 to 1."""
    return {node: (i + 0.5) / len(column) for column in found for i, node in enumerate(column)}


def _neighbours(
    nodes: Sequence[Node], edges: Iterable[tuple[Node, Node]]
) -> tuple[Mapping[Node, list[Node]], Mapping[Node, list[Node]]]:
    sources: dict[Node, list[Node]] = {node: [] for node in nodes}
    targets: dict[Node, list[Node]] = {node: [] for node in nodes}
    for a, b in edges:
        sources[b].append(a)
        targets[a].append(b)
    return sources, targets


def _acyclic(nodes: Sequence[Node], edges: Sequence[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
    """Return the edges without those that lead back to a node on the way to them."""
    sources, targets = _neighbours(nodes, edges)
    left, done, active = list[tuple[Node, Node]](), set[Node](), set[Node]()

    def visit(node: Node) -> None:
        active.add(node)
        for target in targets[node]:
            if target in active:
                continue
            left.append((node, target))
            if target not in done:
                visit(target)
        active.discard(node)
        done.add(node)

    for node in sorted(nodes, key=lambda each: len(sources[each])):
        if node not in done:
            visit(node)
    return left


def _ranks(nodes: Sequence[Node], edges: Sequence[tuple[Node, Node]]) -> dict[Node, int]:
    """Return each node's column: one right of the last node that leads to it."""
    ranks = dict.fromkeys(nodes, 0)
    for _ in nodes:
        changed = False
        for a, b in edges:
            if ranks[b] <= ranks[a]:
                ranks[b], changed = ranks[a] + 1, True
        if not changed:
            break
    _, targets = _neighbours(nodes, edges)
    # What nothing leads to is as near as possible to what it leads to.
    led_to = {b for _, b in edges}
    for node in nodes:
        if node not in led_to and targets[node]:
            ranks[node] = min(ranks[each] for each in targets[node]) - 1
    return ranks
