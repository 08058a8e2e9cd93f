"""DataOperations and ListOperations."""

from typing import Any

from dsl.ir import Ref, Type
from dsl.ragflow.reading import Reading
from dsl.ragflow.returned import is_code
from dsl.ragflow.scripts import write_step
from dsl.ragflow.tables import OPERATORS, SIGNS
from dsl.ragflow.writing import Made, Writing


def read_data(reading: Reading) -> None:
    """JSON text becomes data; the other operations are this platform's own."""
    node, params = reading.node, reading.params
    query = params.get("query")
    value = query[0] if isinstance(query, list) and len(query) == 1 else query
    if params.get("operations") == "literal_eval":
        node.kind, node.params = "json_parse", {"value": reading.bare(value)}
    else:
        node.kind, node.params = "opaque", {"type": f"DataOperations {params.get('operations')}"}
        node.inputs = {"query": reading.value(query)}
        node.outputs = {"output": Type("any")}


def read_list(reading: Reading) -> None:
    node, params = reading.node, reading.params
    node.kind = "list"
    node.params = {"list": reading.bare(params.get("query") or "")}
    operation, n = params.get("operations"), params.get("n")
    if operation in ("head", "topN", "tail"):
        node.params["limit"] = {"size": n, "keep": "last" if operation == "tail" else "first"}
    elif operation == "nth":
        node.params["nth"] = n
    elif operation == "sort":
        order = "desc" if str(params.get("sort_method")).startswith("desc") else "asc"
        node.params["sort"] = [{"key": str(params.get("sort_by") or ""), "order": order}]
    elif operation == "drop_duplicates":
        node.params["unique"] = []
    elif operation == "filter" and isinstance(params.get("filter"), dict):
        each = params["filter"]
        kept = {"left": Ref(node.id, (), "item"), "op": OPERATORS.get(str(each.get("operator")), "eq")}
        kept |= {"right": reading.value(each.get("value")), "type": "any"}
        node.params["filter"] = {"logic": "and", "conditions": [kept]}


def write_json_parse(writing: Writing) -> Made:
    value = writing.node.params.get("value")
    return "DataOperations", {"query": [writing.bare(value)], "operations": "literal_eval"}


def write_list(writing: Writing) -> Made:
    params = writing.node.params
    given = [name for name in ("filter", "sort", "limit", "nth", "unique") if params.get(name) is not None]
    if is_code(writing.node):
        return write_step(writing)
    made: dict[str, Any] = {"query": writing.name(params["list"])}
    if given == ["limit"]:
        limit = params["limit"]
        made |= {"operations": "tail" if limit.get("keep") == "last" else "head", "n": writing.bare(limit.get("size"))}
    elif given == ["nth"]:
        made |= {"operations": "nth", "n": writing.bare(params["nth"])}
    elif given == ["sort"]:
        order = params["sort"][0] if params["sort"] else {}
        made |= {"operations": "sort", "sort_method": order.get("order", "asc"), "sort_by": order.get("key", "")}
    elif given == ["unique"]:
        made["operations"] = "drop_duplicates"
    else:
        each = params["filter"]["conditions"][0]
        made |= {
            "operations": "filter",
            "filter": {"operator": SIGNS.get(each["op"], "="), "value": writing.text(each.get("right"))},
        }
    return "ListOperations", made
