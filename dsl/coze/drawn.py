"""A flow whose words are Coze's as a canvas: its nodes in their places, and every port led somewhere."""

from itertools import pairwise
from typing import Any

from dsl.coze.folded import FOLDED
from dsl.coze.writers import written
from dsl.coze.writing import Canvas, Writing
from dsl.ir import Edge, Graph, Node
from dsl.kinds import ports
from dsl.layout import layout
from dsl.values import unique


def drawn(canvas: Canvas) -> dict[str, Any]:
    """The canvas (F1); what does not travel is noted in the one given."""
    made, edges = _Drawing(canvas).graph(canvas.flow.graph, None)
    return {"nodes": made, "edges": edges, "versions": {"loop": "v2", "batch": "v2"}}


class _Drawing:
    def __init__(self, canvas: Canvas) -> None:
        self.canvas, self.places = canvas, layout(canvas.flow)

    def graph(self, graph: Graph, container: Node | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        inside = {node.id for node in graph.nodes}
        known = inside | ({container.id} if container else set())
        edges = list(dict.fromkeys(edge for edge in graph.edges if edge.target in inside and edge.source in known))
        edges += self._wires(graph, edges, container)
        lines = [line for edge in edges if (line := self._edge(edge, container)) is not None]
        rows = [self._nodes(node) for node in graph.nodes]
        _join(rows, lines)
        return [each for row in rows for each in row], lines

    def _wires(self, graph: Graph, edges: list[Edge], container: Node | None) -> list[Edge]:
        """Every port has to lead somewhere: to the end, in a body back to its container."""
        after = container.id if container else next((node.id for node in graph.nodes if node.kind == "end"), "")
        if not after:
            return []
        wired = {(edge.source, edge.port) for edge in edges}
        entered = {edge.target for edge in edges}
        more = []
        for node in graph.nodes:
            if node.kind in ("note", "break", "continue") or node.id == after or node.kind == "end":
                continue
            if node.kind != "start" and node.id not in entered:
                continue  # never reached: Coze prunes it
            leaving = self._ports(node)
            for port in leaving:
                if (node.id, port) not in wired:
                    more.append(Edge(node.id, after, port))
                    if container is None and (len(leaving) > 1 or node.kind not in ("answer", "stop")):
                        message = f"{port!r} led nowhere: it leads to the end now."
                        self.canvas.notes.add(node, "equivalent", "port.wired", message)
        return more

    def _ports(self, node: Node) -> list[str]:
        leaving = [port for port in ports(node) if port != "body"]
        if node.kind == "stop":
            return ["out"]
        if node.kind in ("iterate", "loop"):
            return ["done"]
        if node.kind in ("if", "classify") or node.on_error.then == "branch":
            return leaving
        if node.kind == "ask" and not node.params.get("options"):
            return ["out"]
        return leaving

    def _edge(self, edge: Edge, container: Node | None) -> dict[str, Any] | None:
        source = self.canvas.known.get(edge.source)
        if container is not None and edge.source == container.id:
            return _line(edge, port=f"{self.canvas.container(container)}-function-inline-output")
        if source is None:
            return None
        port = self.canvas.port(source, edge.port)
        if container is not None and edge.target == container.id:
            line = _line(edge, port=port)
            return line | {"targetPortID": f"{self.canvas.container(container)}-function-inline-input"}
        return _line(edge, port=port)

    def _nodes(self, node: Node) -> list[dict[str, Any]]:
        """The node, and the Text nodes in front of it that join what its inputs hold."""
        writing = Writing(node, self.canvas)
        kind, inputs, outputs = written(writing)
        made = self._shell(node, kind, inputs, outputs)
        if kind in ("21", "28") and node.body is not None:
            made["blocks"], made["edges"] = self.graph(node.body, node)
            if writing.closing:
                self._close(node, made, writing)
        return [*(self._helper(helper, node, i) for i, helper in enumerate(writing.helpers)), made]

    def _shell(self, node: Node, kind: str, inputs: dict[str, Any], outputs: list[Any]) -> dict[str, Any]:
        x, y = self.places[node.id]
        meta = {"title": self.canvas.titles[node.id], "description": node.description, "icon": "", "subTitle": ""}
        data: dict[str, Any] = {"nodeMeta": meta, "inputs": inputs, "outputs": outputs}
        if kind == "1":
            data = {"nodeMeta": meta, "outputs": outputs, "trigger_parameters": outputs}
        if kind == "31":
            width, height = node.params.get("size") or (240, 150)
            data = {"inputs": inputs, "size": {"width": width, "height": height}}
        if kind == "45":
            data |= {"inputParameters": [], "settingOnError": {}}
        if kind == "3":
            data["version"] = "3"
        return _made(node.id, kind, x, y, data)

    def _helper(self, helper: tuple[str, dict[str, Any]], node: Node, place: int) -> dict[str, Any]:
        name, inputs = helper
        x, y = self.places[node.id]
        title = unique(f"Text for {self.canvas.titles[node.id]}", self.canvas.taken, longest=63, join=" ")
        meta = {"title": title, "description": FOLDED, "icon": "", "subTitle": ""}
        output = [{"name": "output", "type": "string", "required": True}]
        data = {"nodeMeta": meta, "inputs": inputs, "outputs": output}
        return _made(name, "15", x - 120, y - 140 * (place + 1), data)

    def _close(self, node: Node, made: dict[str, Any], writing: Writing) -> None:
        """The condition that ends a loop, at the end of its body: what goes on to the next round is asked, too."""
        check, leave = f"{node.id}_until", f"{node.id}_leave"
        goes_on = {block["id"] for block in made["blocks"] if block["type"] == "29"}
        made["blocks"] = [block for block in made["blocks"] if block["id"] not in goes_on]
        for line in made["edges"]:
            if line["targetNodeID"] in goes_on or line.get("targetPortID", "").endswith("inline-input"):
                line.pop("targetPortID", None)
                line["targetNodeID"] = check
        titles = [unique(word, self.canvas.taken, longest=63, join=" ") for word in ("Until", "Leave")]
        for name, kind, title, inputs in ((check, "8", titles[0], writing.closing), (leave, "19", titles[1], {})):
            meta = {"title": title, "description": "flowstill:until", "icon": "", "subTitle": ""}
            made["blocks"].append(_made(name, kind, 0.0, 400.0, {"nodeMeta": meta, "inputs": inputs}))
        made["edges"] += [
            {"sourceNodeID": check, "targetNodeID": leave, "sourcePortID": "true"},
            {
                "sourceNodeID": check,
                "targetNodeID": node.id,
                "sourcePortID": "false",
                "targetPortID": "loop-function-inline-input",
            },
        ]


def _made(id_: str, kind: str, x: float, y: float, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "type": kind, "meta": {"position": {"x": x, "y": y}}, "data": data, "blocks": [], "edges": []}


def _join(rows: list[list[dict[str, Any]]], lines: list[dict[str, Any]]) -> None:
    """What led to a node leads to the first of those before it, and on from one to the next."""
    first = {row[-1]["id"]: row[0]["id"] for row in rows}
    for line in lines:
        if "targetPortID" not in line:
            line["targetNodeID"] = first.get(line["targetNodeID"], line["targetNodeID"])
    lines += [
        {"sourceNodeID": one["id"], "targetNodeID": other["id"], "sourcePortID": ""}
        for row in rows
        for one, other in pairwise(row)
    ]


def _line(edge: Edge, port: str) -> dict[str, Any]:
    return {"sourceNodeID": edge.source, "targetNodeID": edge.target, "sourcePortID": port}
