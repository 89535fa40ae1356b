"""A trace for people: as a tree, and as text for Mermaid and GraphViz."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from rich.text import Text
from rich.tree import Tree

from wayproof.cli.app import printable
from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_BEFORE
from wayproof.trace.graph.questions import Direction, Edge, EdgeKind, Traced
from wayproof.trace.identifiers import display, parse

_VERB: Final = {EdgeKind.PACKED: "packed", EdgeKind.INPUT: "used", EdgeKind.OUTPUT: "made"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A step between two things; transformations are passed through."""

    source: UUID
    target: UUID
    #: How the source got into the target.
    edge: Edge


def links(traced: Traced) -> list[Link]:
    """The steps between things."""
    outputs: defaultdict[UUID, list[Edge]] = defaultdict(list)
    for edge in traced.edges:
        if edge.kind is EdgeKind.OUTPUT:
            outputs[edge.source].append(edge)
    found: dict[tuple[UUID, UUID], Link] = {}
    for edge in traced.edges:
        if edge.kind is EdgeKind.PACKED:
            found.setdefault((edge.source, edge.target), Link(source=edge.source, target=edge.target, edge=edge))
        for output in outputs[edge.target] if edge.kind is EdgeKind.INPUT else ():
            found.setdefault((edge.source, output.target), Link(source=edge.source, target=output.target, edge=edge))
    return list(found.values())


def tree_of(traced: Traced, direction: Direction) -> Tree:
    """The things below each other; one that stands above already is not unfolded again."""
    names = {node.key: shown(node.uri) for node in traced.nodes}
    below: defaultdict[UUID, list[tuple[UUID, Edge]]] = defaultdict(list)
    for link in links(traced):
        near, far = (link.source, link.target) if direction is Direction.DOWNSTREAM else (link.target, link.source)
        if near in names and far in names:
            below[near].append((far, link.edge))
    for each in below.values():
        each.sort(key=lambda item: names[item[0]])
    start = traced.nodes[0].key
    root = Tree(names[start])
    todo, unfolded = [(root, start)], {start}
    while todo:  # breadth first: each thing unfolds where it is nearest to the start
        branch, key = todo.pop(0)
        for far, edge in below.get(key, ()):
            text = Text.assemble(names[far], (f"  {_said(edge)}", "dim"))
            if far in unfolded:
                branch.add(text.append("  … see above", "dim") if below.get(far) else text)
            else:
                unfolded.add(far)
                todo.append((branch.add(text), far))
    return root


def _said(edge: Edge) -> str:
    when = "" if edge.at == EVER_BEFORE else f" {edge.at:%Y-%m-%d %H:%M}Z"
    much = "" if edge.quantity is None else f" {edge.quantity:g} {edge.unit or 'pieces'}"
    return f"{_VERB[edge.kind]}{when}{much}"


def mermaid(traced: Traced) -> str:
    """A Mermaid flowchart, goods from left to right."""
    numbers = {node.key: f"n{place}" for place, node in enumerate(traced.nodes)}
    nodes = [f'  {numbers[node.key]}["{_escaped(node.uri)}"]' for node in traced.nodes]
    return "\n".join(["flowchart LR", *nodes, *_arrows(traced, numbers, "  {source} -->|{verb}| {target}")])


def dot(traced: Traced) -> str:
    """A GraphViz digraph, goods from left to right."""
    numbers = {node.key: f"n{place}" for place, node in enumerate(traced.nodes)}
    nodes = [f"  {numbers[node.key]} [label={json.dumps(shown(node.uri))}];" for node in traced.nodes]
    head = ["digraph trace {", "  rankdir=LR; node [shape=box];"]
    return "\n".join([*head, *nodes, *_arrows(traced, numbers, '  {source} -> {target} [label="{verb}"];'), "}"])


def _arrows(traced: Traced, numbers: dict[UUID, str], form: str) -> Iterator[str]:
    for link in links(traced):
        if link.source in numbers and link.target in numbers:
            verb = _VERB[link.edge.kind]
            yield form.format(source=numbers[link.source], verb=verb, target=numbers[link.target])


def _escaped(uri: str) -> str:
    return shown(uri).replace('"', "#quot;")


def shown(uri: str) -> str:
    """An identifier as people read it, without what a terminal obeys."""
    try:
        return printable(display(parse(uri)))
    except InvalidInput:
        return printable(uri)
