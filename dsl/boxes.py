"""Where everything of a drawing stands: boxes that do not overlap, and edges that keep clear of them.

The places that a platform gave are kept when they suit, spread when our boxes are larger than its own, and made anew
when that would take too much room.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product

from dsl.facts import SILENT, port_words
from dsl.ir import Edge, Flow, Graph, Node
from dsl.kinds import KINDS, ports
from dsl.layout import layout
from dsl.lettering import label_width

WIDTH, HEIGHT, PORT = 240.0, 96.0, 17.0  # of a box; PORT: for each port, where there are many
COLUMN, ROW, PAD, HEAD = 130.0, 44.0, 36.0, 84.0  # gaps; around a body, and above it
CLEAR, BESIDE = 20.0, 50.0  # between boxes whose places were given: above one another, and side by side
NEAR = 7.0  # edges keep this far above and below boxes
SPREAD = 3.0  # more than this and the places are made anew
FARTHEST = 200_000.0  # pixels that a drawing of given places may take
STUB = 44.0  # of an edge that leads nowhere
CHECKS = 2_000_000  # segments compared with boxes; edges after that take the plain way
APART = 4.0  # nearer than this and two lines are one
# How far an edge moves up or down, and away from the boxes that it joins, to be seen beside another
MOVES = sorted(product((0.0, 7.0, -7.0, 14.0, -14.0), (0.0, 7.0, 14.0)), key=lambda by: abs(by[0]) + by[1])
Point = tuple[float, float]


@dataclass
class Box:
    """A node in its place; `inner` is the drawing of a container's body."""

    node: Node
    x: float = 0.0
    y: float = 0.0
    w: float = WIDTH
    h: float = HEIGHT
    inner: "Drawing | None" = None


@dataclass
class Line:
    """An edge: `points` are the ends and corners; two points are joined by a curve. `lost` names an end not there.

    `port` is where it leaves its box when it begins level, under the words of its port.
    """

    edge: Edge
    points: list[Point]
    lost: str = ""
    port: Point | None = None


@dataclass
class Drawing:
    """A graph as boxes and lines in pixels; the picture goes from `left`, `top` to `w`, `h`."""

    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    w: float = 0.0
    h: float = 0.0
    left: float = 0.0
    top: float = 0.0


def arrange(flow: Flow) -> Drawing:
    """The whole flow in place."""
    drawing = _arranged(flow.graph)
    _move(drawing, PAD, PAD)
    _route(flow.graph, drawing, None)
    corners = [point for line in drawing.lines for point in line.points]
    drawing.left = min([0.0] + [x - PAD for x, _ in corners])
    drawing.top = min([0.0] + [y - PAD for _, y in corners])
    drawing.w = max([drawing.w + 2 * PAD] + [x + PAD for x, _ in corners])
    drawing.h = max([drawing.h + 2 * PAD] + [y + PAD for _, y in corners])
    return drawing


def _arranged(graph: Graph) -> Drawing:
    """The boxes of a graph, from 0, 0; bodies first, since they say how large their container is."""
    boxes = [_box(node) for node in graph.nodes]
    if not _given(boxes, graph.edges):
        _anew(boxes, graph.edges)
    left, top = min((box.x for box in boxes), default=0.0), min((box.y for box in boxes), default=0.0)
    for box in boxes:
        box.x, box.y = box.x - left, box.y - top
    right, bottom = max((box.x + box.w for box in boxes), default=0.0), max((box.y + box.h for box in boxes), default=0)
    return Drawing(boxes, [], right, bottom + _below(graph))


def _below(graph: Graph) -> float:
    """Room under the boxes for edges that go back."""
    return ROW if any(edge.source == edge.target for edge in graph.edges) else 0.0


def _box(node: Node) -> Box:
    if node.body is not None:
        inner = _arranged(node.body)
        return Box(node, w=max(WIDTH, inner.w + 2 * PAD + STUB), h=max(HEIGHT, inner.h + HEAD + PAD), inner=inner)
    if node.kind == "note":
        return Box(node, w=_side(node, 0, WIDTH), h=_side(node, 1, HEIGHT))
    many = len(ports(node)) if node.kind in KINDS else 1
    return Box(node, h=max(HEIGHT, PORT * (many + 1)))


def _side(node: Node, which: int, usual: float) -> float:
    size = node.params.get("size")
    given = size[which] if isinstance(size, (list, tuple)) and len(size) == 2 else usual
    return min(max(float(given), usual / 2), 20 * usual) if isinstance(given, (int, float)) else usual


# -- places that were given


def _given(boxes: list[Box], edges: list[Edge]) -> bool:
    """Put the boxes where their platform had them, spread as far as they need; False when that cannot be."""
    for box in boxes:
        x, y = box.node.position or (math.nan, math.nan)
        if not (abs(x) < FARTHEST and abs(y) < FARTHEST):
            return False
        box.x, box.y = x, y
    factor = max(_spread([box for box in boxes if box.node.kind != "note"]), _spelt(boxes, edges))
    if factor > SPREAD:
        return False
    for box in boxes:
        box.x, box.y = box.x * factor, box.y * factor
        if box.node.kind == "note":  # it may frame nodes
            box.w, box.h = box.w * factor, box.h * factor
    return True


def _spread(boxes: list[Box]) -> float:
    """What the distances have to be multiplied by for no box to stand on another."""
    ordered = sorted(boxes, key=lambda box: box.x)
    widest = max((box.w + max(COLUMN, _spoken(box) + BESIDE) for box in boxes), default=0.0)
    factor = 1.0
    for i, one in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if (other.x - one.x) * factor >= widest or factor > SPREAD:
                break
            factor = max(factor, _apart(one, other))
    return factor


def _spelt(boxes: list[Box], edges: list[Edge]) -> float:
    """What they have to be multiplied by for the words of ports to fit in front of the boxes that they lead to."""
    here = {box.node.id: box for box in boxes}
    pairs = [(here[edge.source], here[edge.target]) for edge in edges if {edge.source, edge.target} <= here.keys()]
    ahead = [(one, other.x - one.x) for one, other in pairs if _speaks(one) and other.x - one.x > one.w]
    return max((min(SPREAD, (one.w + _spoken(one) + BESIDE) / dx) for one, dx in ahead), default=1.0)


def _apart(one: Box, other: Box) -> float:
    """The factor at which two boxes part, `one` being the left one."""
    upper, lower = (one, other) if one.y <= other.y else (other, one)
    dx, dy = other.x - one.x, lower.y - upper.y
    beside = max(COLUMN, _spoken(one) + BESIDE) if _speaks(one) else BESIDE
    return min((one.w + beside) / dx if dx else math.inf, (upper.h + CLEAR) / dy if dy else math.inf)


def _speaks(box: Box) -> bool:
    """Whether words stand right of the box: those of its ports."""
    return box.inner is None and box.node.kind in KINDS and len(ports(box.node)) > 1


def _spoken(box: Box) -> float:
    """The room that the words of its ports take."""
    return max((_words(box, port) for port in ports(box.node)), default=0.0) if _speaks(box) else 0.0


def _words(box: Box, port: str) -> float:
    return 0.0 if port in SILENT or not _speaks(box) else label_width(port_words(box.node, port)) + 8


# -- places made anew


def _anew(boxes: list[Box], edges: list[Edge]) -> None:
    """Columns from left to right, in bands below one another when one would be too long; loose boxes at the end."""
    bound = {end for edge in edges if edge.source != edge.target for end in (edge.source, edge.target)}
    linked = [box for box in boxes if box.node.id in bound]
    loose = [box for box in boxes if box.node.id not in bound]
    top = 0.0
    for band in _bands(_columns(linked, edges)):
        top = _band(band, edges, top) + 2 * ROW
    widest = max([box.x + box.w for box in linked] + [4 * (WIDTH + ROW), math.sqrt(len(loose)) * (WIDTH + ROW)])
    _rows(loose, top, widest)


def _columns(boxes: list[Box], edges: list[Edge]) -> list[list[Box]]:
    stand_ins = [Node(box.node.id, "note", params={"size": [box.w, box.h]}) for box in boxes]
    places = layout(Flow("", "", graph=Graph(stand_ins, edges)))
    columns: dict[float, list[Box]] = defaultdict(list)
    for box in boxes:
        columns[places[box.node.id][0]].append(box)
    return [columns[x] for x in sorted(columns)]


def _bands(columns: list[list[Box]]) -> list[list[list[Box]]]:
    """As many bands as make the picture about as wide as a screen is."""
    widths = [max(box.w + max(COLUMN, _spoken(box) + BESIDE) for box in column) for column in columns]
    tallest = max((sum(box.h + ROW for box in column) for column in columns), default=1.0)
    if len(columns) <= 6:
        return [columns] if columns else []
    share = sum(widths) / max(1, round(math.sqrt(sum(widths) / (1.7 * tallest))))
    bands: list[list[list[Box]]] = [[]]
    taken = 0.0
    for column, width in zip(columns, widths, strict=True):
        if bands[-1] and taken + width / 2 > share:
            bands.append([])
            taken = 0.0
        bands[-1].append(column)
        taken += width
    if len(bands) > 1 and taken < share / 3:
        last = bands.pop()
        bands[-1] += last
    return bands


def _band(columns: list[list[Box]], edges: list[Edge], top: float) -> float:
    """Each box beside those that lead to it; says where the band ends."""
    here = {box.node.id: box for column in columns for box in column}
    before: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        if edge.source in here and edge.target in here:
            before[edge.target].append(edge)
    x, placed = 0.0, set[str]()
    for column in columns:
        _column(column, x, {box.node.id: _wish(box, before, here, placed) for box in column})
        placed |= {box.node.id for box in column}
        x += max(box.w + max(COLUMN, _spoken(box) + BESIDE) for box in column)
    shift = top - min(box.y for box in here.values())
    for box in here.values():
        box.y += shift
    return max(box.y + box.h for box in here.values())


def _wish(box: Box, before: dict[str, list[Edge]], here: dict[str, Box], placed: set[str]) -> float:
    """Where a box would lie level with the ports that lead to it."""
    levels = [leaving(here[edge.source], edge.port)[1] for edge in before[box.node.id] if edge.source in placed]
    return sum(levels) / len(levels) - box.h / 2 if levels else 0.0


def _column(column: list[Box], x: float, wishes: dict[str, float]) -> None:
    y, pushed = -math.inf, 0.0
    for box in sorted(column, key=lambda box: wishes[box.node.id]):
        wish = wishes[box.node.id]
        box.x, box.y = x, max(wish, y)
        pushed += box.y - wish
        y = box.y + box.h + ROW
    for box in column:
        box.y -= pushed / len(column)


def _rows(boxes: list[Box], top: float, widest: float) -> None:
    x, tallest = 0.0, 0.0
    for box in boxes:
        if x and x + box.w > widest:
            x, top, tallest = 0.0, top + tallest + ROW, 0.0
        box.x, box.y = x, top
        x, tallest = x + box.w + ROW, max(tallest, box.h)


def _move(drawing: Drawing, x: float, y: float) -> None:
    for box in drawing.boxes:
        box.x, box.y = box.x + x, box.y + y
        if box.inner is not None:
            _move(box.inner, box.x + PAD + STUB / 2, box.y + HEAD)


# -- edges


def leaving(box: Box, port: str) -> Point:
    """Where a port is, on the right side of the box."""
    known = ports(box.node) if box.node.kind in KINDS and box.inner is None else []
    share = (known.index(port) + 1) / (len(known) + 1) if port in known else 0.5
    return box.x + box.w, box.y + box.h * share


def _route(graph: Graph, drawing: Drawing, container: Box | None) -> None:
    boxes = {box.node.id: box for box in drawing.boxes}
    router = Router(drawing.boxes)
    for edge in graph.edges:
        line = _line(edge, boxes, container, router)
        drawing.lines += [line] if line else []
    for box in drawing.boxes:
        if box.inner is not None and box.node.body is not None:
            _route(box.node.body, box.inner, box)


def _line(edge: Edge, boxes: dict[str, Box], container: Box | None, router: "Router") -> Line | None:
    source, target = boxes.get(edge.source), boxes.get(edge.target)
    outer = container.node.id if container else None
    if source is not None and target is not None:
        x, y = port = leaving(source, edge.port)
        return Line(edge, router.way((x + _words(source, edge.port), y), _entering(target)), port=port)
    if source is not None:
        x, y = leaving(source, edge.port)
        inside = container is not None and edge.target == outer
        return Line(edge, [(x, y), (x + STUB / (2 if inside else 1), y)], "" if inside else edge.target)
    if target is not None:
        x, y = _entering(target)
        if container is not None and edge.source == outer:
            return Line(edge, router.way((container.x, y), (x, y)))
        return Line(edge, [(x - STUB, y), (x, y)], edge.source)
    return None


def _entering(box: Box) -> Point:
    return box.x, box.y + box.h / 2


class Router:
    """Finds ways between the boxes of one graph: straight ahead where that is free, else along a lane beside them."""

    def __init__(self, boxes: list[Box]) -> None:
        self.boxes = sorted((box for box in boxes if box.node.kind != "note"), key=lambda box: box.x)
        self.lefts = [box.x for box in self.boxes]
        self.widest = max((box.w for box in self.boxes), default=0.0)
        self.checks = CHECKS
        self.count = 0
        self.lanes = Lanes()

    def way(self, start: Point, end: Point) -> list[Point]:
        """The ends, with corners between them where the edge has to go round something."""
        self.count += 1
        near = self._near(min(start[0], end[0]) - COLUMN / 2, max(start[0], end[0]) + COLUMN / 2)
        ahead = end[0] - start[0] >= 16
        if ahead and not self._hits(_curve(start, end), near):
            return [start, end]
        lanes = [self._along(start, end, lane) for lane in self._lanes(start, end, near)]
        ways = [*([[start, end]] if ahead else []), *lanes]
        return self._apart(min(ways, key=lambda way: self._cost(way, near)), near)

    def _apart(self, way: list[Point], near: list[Box]) -> list[Point]:
        """The way, moved beside the edges on which it would run."""
        if len(way) > 2:
            hits = self._hits(way, near)
            moved = (_moved(way, *by) for by in MOVES)
            free = (each for each in moved if not self.lanes.share(each) and self._hits(each, near) <= hits)
            way = next(free, way)
            self.lanes.take(way)
        return way

    def _near(self, left: float, right: float) -> list[Box]:
        first, last = bisect_left(self.lefts, left - self.widest), bisect_right(self.lefts, right)
        return [box for box in self.boxes[first:last] if box.x + box.w > left] if self.checks > 0 else []

    def _lanes(self, start: Point, end: Point, near: list[Box]) -> list[float]:
        """Heights beside boxes, the nearest ones; edges that share a gap take turns in it."""
        turn = 10.0 + 5 * (self.count % 5)
        middle = (start[1] + end[1]) / 2
        beside = {box.y + box.h + turn for box in near} | {box.y - turn for box in near}
        return sorted(beside, key=lambda lane: abs(lane - middle))[:12] or [max(start[1], end[1]) + HEIGHT / 2 + turn]

    def _along(self, start: Point, end: Point, lane: float) -> list[Point]:
        out = 18.0 + 6 * (self.count % 4)
        (x, y), (to_x, to_y) = (start[0] + out, start[1]), (end[0] - out, end[1])
        return [start, (x, y), (x, lane), (to_x, lane), (to_x, to_y), end]

    def _cost(self, way: list[Point], near: list[Box]) -> float:
        path = way if len(way) > 2 else _curve(*way)
        length = sum(math.dist(one, other) for one, other in pairwise(path))
        return 3000.0 * self._hits(path, near) + length

    def _hits(self, path: list[Point], near: list[Box]) -> int:
        """How many boxes the path crosses, counting each piece of it."""
        self.checks -= len(path) * len(near)
        found = 0
        for (x, y), (to_x, to_y) in pairwise(path):
            left, right, top, bottom = min(x, to_x) + 1, max(x, to_x) - 1, min(y, to_y) - NEAR, max(y, to_y) + NEAR
            if right < left:
                left = right = (x + to_x) / 2
            found += sum(
                1 for box in near if box.x < right and left < box.x + box.w and box.y < bottom and top < box.y + box.h
            )
        return found


class Lanes:
    """The level and the upright pieces of edges that are drawn: two edges on one line are taken for each other."""

    def __init__(self) -> None:
        self.taken: defaultdict[tuple[bool, int], list[tuple[float, float, float, Point, Point]]] = defaultdict(list)

    def take(self, way: list[Point]) -> None:
        for upright, at, low, high in _pieces(way):
            self.taken[upright, int(at // APART)].append((at, low, high, way[0], way[-1]))

    def share(self, way: list[Point]) -> bool:
        """Whether it runs on an edge that begins and ends elsewhere."""
        return any(
            abs(at - other) < APART and min(high, to) - max(low, since) > APART and start != way[0] and end != way[-1]
            for upright, at, low, high in _pieces(way)
            for row in (-1, 0, 1)
            for other, since, to, start, end in self.taken.get((upright, int(at // APART) + row), ())
        )


def _pieces(way: list[Point]) -> Iterator[tuple[bool, float, float, float]]:
    """Of each piece whether it is upright, where it stands, and from where to where it goes."""
    for (x, y), (to_x, to_y) in pairwise(way):
        upright = x == to_x
        yield (upright, x, min(y, to_y), max(y, to_y)) if upright else (upright, y, min(x, to_x), max(x, to_x))


def _moved(way: list[Point], lane: float, out: float) -> list[Point]:
    start, (x, y), (_, level), _, (to_x, to_y), end = way
    return [start, (x + out, y), (x + out, level + lane), (to_x - out, level + lane), (to_x - out, to_y), end]


def bend(start: Point, end: Point) -> tuple[Point, Point]:
    """The control points of the curve from one point to another: it leaves and arrives level."""
    reach = max(24.0, min(abs(end[0] - start[0]) / 2, 220.0))
    return (start[0] + reach, start[1]), (end[0] - reach, end[1])


def _curve(start: Point, end: Point) -> list[Point]:
    (ax, ay), (bx, by) = bend(start, end)
    points = []
    for step in range(13):
        t = step / 12
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        points.append((a * start[0] + b * ax + c * bx + d * end[0], a * start[1] + b * ay + c * by + d * end[1]))
    return points
