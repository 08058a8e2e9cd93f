"""Places for nodes that have none."""

from dataclasses import replace

from dsl.ir import Edge, Flow, Graph, Node
from dsl.layout import layout, size
from dsl.values import walk
from tests.dsl.kitchen import kitchen_sink


def test_a_node_stands_right_of_all_that_lead_to_it() -> None:
    flow = kitchen_sink()
    places = layout(flow)
    assert places.keys() == {node.id for node, _, _ in walk(flow.graph)}
    for edge in flow.graph.edges:
        assert places[edge.source][0] < places[edge.target][0]


def test_no_two_nodes_stand_on_each_other_and_a_body_fits_its_container() -> None:
    flow = kitchen_sink()
    places = layout(flow)
    boxes = [(places[node.id], size(node, places)) for node in flow.graph.nodes]
    for i, ((x, y), (width, height)) in enumerate(boxes):
        for (other_x, other_y), (other_width, other_height) in boxes[:i]:
            apart = (
                x >= other_x + other_width
                or other_x >= x + width
                or y >= other_y + other_height
                or other_y >= y + height
            )
            assert apart
    for node in flow.graph.nodes:
        for inner in node.body.nodes if node.body else ():
            (x, y), (width, height) = places[inner.id], size(inner, places)
            assert x >= 0 and y >= 0 and x + width <= size(node, places)[0] and y + height <= size(node, places)[1]


def test_places_that_are_given_stay() -> None:
    nodes = [Node("a", "start", position=(5.0, 6.0)), Node("b", "pass", position=(-1.0, 2.0))]
    flow = Flow("f", "ir", graph=Graph(nodes, [Edge("a", "b")]))
    assert layout(flow) == {"a": (5.0, 6.0), "b": (-1.0, 2.0)}
    flow.graph.nodes[1] = replace(nodes[1], position=None)
    assert layout(flow)["b"][0] > layout(flow)["a"][0]


def test_a_circle_does_not_hang_and_a_long_line_takes_no_long_time() -> None:
    nodes = [Node(str(i), "pass") for i in range(3000)]
    edges = [Edge(str(i), str((i + 1) % 3000)) for i in range(3000)]
    assert len(layout(Flow("f", "ir", graph=Graph(nodes, edges)))) == 3000
