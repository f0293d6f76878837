"""A ComfyUI graph under construction: nodes by name, and links from one's output to another's input.

The finished graph is in the API's format, `{"id": {"class_type": ..., "inputs": {...}}}`, which POST /prompt
takes. Whether a server has the nodes is not its business: see `node_catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prodgen.schema.workflow_graphs import Graph, is_link

Link = list[Any]
"""What a node gives, as another one's input: the giving node's id and the number of its output."""


class Node:
    """One node of a graph; `node[0]` is a link to its first output."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, output: int) -> Link:
        """Return a link to one of the outputs, counted from 0."""
        return [self.name, output]


class GraphNodes:
    """Collects the nodes of one graph."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[str, Any]] = {}

    def add(self, name: str, class_type: str, inputs: Mapping[str, object]) -> Node:
        """Add a node and return it.

        Args:
            name: Its id; a number is added where it is taken.
            class_type: The node's class on the server.
            inputs: Values and links.
        """
        free, number = name, 1
        while free in self._nodes:
            number += 1
            free = f"{name}{number}"
        self._nodes[free] = {"class_type": class_type, "inputs": dict(inputs)}
        return Node(free)

    @property
    def graph(self) -> Graph:
        """The nodes so far, in the API's format."""
        return self._nodes


def upstream(graph: Graph, node_id: str) -> set[str]:
    """Return the ids of all nodes that a node's inputs come from, its own among them."""
    found: set[str] = set()
    waiting = [node_id]
    while waiting:
        one = waiting.pop()
        if one in found or one not in graph:
            continue
        found.add(one)
        waiting += [value[0] for value in graph[one].get("inputs", {}).values() if is_link(value)]
    return found
