"""What a node of each of Dify's types holds, as the common form has it (`dsl/kinds.py`): one function for each kind."""

from dsl.dify.place import Place
from dsl.dify.readers import agents, computing, conditions, containers, ends, forms, http, knowledge, models, tools
from dsl.dify.readers.source import Fill, Source
from dsl.ir import Node

READERS: dict[str, Fill] = {
    **ends.READERS,
    **models.READERS,
    **agents.READERS,
    **conditions.READERS,
    **computing.READERS,
    **containers.READERS,
    **http.READERS,
    **knowledge.READERS,
    **tools.READERS,
    **forms.READERS,
}


def fill(node: Node, data: Place, source: Source) -> None:
    """Params, inputs and outputs of a node whose id, kind and title are set."""
    READERS[node.kind](data, node, source)
    source.refs.declared[node.id] = set(node.outputs)
