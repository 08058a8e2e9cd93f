"""Places for nodes that have none: left to right, each behind all that lead to it."""

from collections import deque

from dsl.ir import Flow, Graph, Node

WIDTH, HEIGHT = 240.0, 100.0  # of a node
GAP, ROW = 80.0, 60.0  # between columns, and between rows
HEAD = 70.0  # of a container, above its body
Point = tuple[float, float]


def layout(flow: Flow) -> dict[str, Point]:
    """The left upper corner of every node by its id; in a body relative to the container, in pixels.

    A graph whose nodes all have places keeps them.
    """
    places: dict[str, Point] = {}
    _graph(flow.graph, (0.0, 0.0), places)
    return places


def size(node: Node, places: dict[str, Point]) -> Point:
    """Width and height: of a container as much as its body takes."""
    if node.body is None:
        given = node.params.get("size")
        return (float(given[0]), float(given[1])) if node.kind == "note" and given else (WIDTH, HEIGHT)
    corners = [(places[inner.id], size(inner, places)) for inner in node.body.nodes]
    right = max((x + width for (x, _), (width, _) in corners), default=0.0)
    bottom = max((y + height for (_, y), (_, height) in corners), default=0.0)
    return max(WIDTH, right + GAP / 2), max(HEIGHT, bottom + ROW / 2)


def _graph(graph: Graph, origin: Point, places: dict[str, Point]) -> None:
    for node in graph.nodes:
        if node.body is not None:
            _graph(node.body, (GAP / 2, HEAD), places)
    if all(node.position is not None for node in graph.nodes):
        places.update((node.id, node.position) for node in graph.nodes if node.position is not None)
        return
    columns = _columns(graph)
    x = origin[0]
    inside: list[list[Node]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for node in graph.nodes:
        inside[columns[node.id]].append(node)
    for here in inside:
        y = origin[1]
        for node in here:
            places[node.id] = x, y
            y += size(node, places)[1] + ROW
        x += max((size(node, places)[0] for node in here), default=WIDTH) + GAP


def _columns(graph: Graph) -> dict[str, int]:
    """The longest way to each node; what runs in a circle stands where it was first reached."""
    after: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    waits = dict.fromkeys(after, 0)
    for edge in graph.edges:
        if edge.source in after and edge.target in after:
            after[edge.source].append(edge.target)
            waits[edge.target] += 1
    columns = dict.fromkeys(after, 0)
    free = deque(name for name, count in waits.items() if not count)
    left = dict.fromkeys(name for name, count in waits.items() if count)
    while free or left:
        if not free:  # a circle: enter it at its first node
            free.append(next(iter(left)))
            left.pop(free[0])
        name = free.popleft()
        for target in after[name]:
            waits[target] -= 1
            if target in left:
                columns[target] = max(columns[target], columns[name] + 1)
                if waits[target] <= 0:
                    free.append(target)
                    left.pop(target)
    return columns
