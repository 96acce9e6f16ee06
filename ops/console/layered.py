"""A layout of a directed graph in columns, so that it reads from left to right.

Each node is to the right of its predecessors, except in cycles. The order of nodes within a column
keeps lines short. This is Sugiyama's method without dummy nodes on long edges.
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
    """Return each node's position in its column, from 0 at the top to 1."""
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
    """Return the edges without those that close a cycle."""
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
    """Return each node's column: one to the right of its last predecessor."""
    ranks = dict.fromkeys(nodes, 0)
    for _ in nodes:
        changed = False
        for a, b in edges:
            if ranks[b] <= ranks[a]:
                ranks[b], changed = ranks[a] + 1, True
        if not changed:
            break
    _, targets = _neighbours(nodes, edges)
    # A node without predecessors is as near as possible to its successors.
    led_to = {b for _, b in edges}
    for node in nodes:
        if node not in led_to and targets[node]:
            ranks[node] = min(ranks[each] for each in targets[node]) - 1
    return ranks
