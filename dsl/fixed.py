"""Numbers that a platform wants fixed in the file: where the flow computes one, the platform's own stands instead."""

from dsl.ir import Graph, Ref, Script, Text
from dsl.lacking import Told
from dsl.values import walk

_NAMES = {
    "max_rounds": "how often the agent may call its tools",
    "top_k": "how many passages are found",
    "score_threshold": "how well a passage has to fit",
    "parallel": "how many rounds run at once",
}
MESSAGE = "The flow computes {}; here that is a fixed number, and the platform's own stands there."


def fix(graph: Graph, told: Told) -> None:
    """Take away what is computed of these. The graph is changed."""
    for node, _, _ in walk(graph):
        for name in _NAMES.keys() & node.params.keys():
            if isinstance(node.params[name], Ref | Text | Script):
                node.params = {key: value for key, value in node.params.items() if key != name}
                told(node, "degraded", "number.computed", MESSAGE.format(_NAMES[name]))
