"""JSON bodies of requests, where a platform has one form of them only: a text, or the fields of one object."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from dsl.computed import insert
from dsl.ir import Graph, Node, Ref, Script, Text, Type, Value
from dsl.values import parts, refs, text, unique, walk

Told = Callable[[Node, Node], None]  # for each: the request, and the node in front that makes its body

_REF, _BARE, _END = "\ue000", "\ue001", "\ue002"  # around the number of a reference: in a string, or as a value
_MARK = re.compile(f"[{_REF}{_BARE}](\\d+){_END}")


def as_text(graph: Graph, taken: set[str], told: Told) -> None:
    """A JSON node in front makes the text of a body that is given by its fields."""
    for node, inside, body in list(_requests(graph)):
        fields = body.get("fields")
        if fields is not None and all(each["type"] == "text" and isinstance(each["name"], str) for each in fields):
            made = Node(unique(f"{node.id}_body", taken), "json_dump", f"Body of {node.title or node.id}")
            made.params["value"] = {each["name"]: each["value"] for each in fields}
            _give(node, inside, made, {"text": Ref(made.id, ("output",))}, told)


def of_scripts(graph: Graph) -> None:
    """A body that an expression of n8n makes of an object is given by its fields, an expression for each."""
    for node, _, body in _requests(graph):
        source = body.get("text")
        if not isinstance(source, Script) or source.lang != "n8n":
            continue
        if (members := _members(source.source)) is not None:
            fields = [_field(name, Script("n8n", value, source.refs)) for name, value in members.items()]
            node.params["body"] = {"type": "json", "fields": fields}


def of_dumps(graph: Graph) -> None:
    """A body that a JSON node makes of an object is given by its fields."""
    made = {Ref(node.id, ("output",)): node.params.get("value") for node, *_ in walk(graph) if node.kind == "json_dump"}
    for node, _, body in _requests(graph):
        whole = parts(body.get("text"))
        known = made.get(whole[0]) if len(whole) == 1 and isinstance(whole[0], Ref) else None
        if isinstance(known, dict) and all(isinstance(value, str | Ref | Text) for value in known.values()):
            node.params["body"] = {"type": "json", "fields": [_field(name, value) for name, value in known.items()]}


def as_fields(graph: Graph, taken: set[str], told: Told) -> None:
    """A code node in front makes the fields of a body in JSON that are more than texts and references."""
    for node, inside, body in list(_requests(graph)):
        held: list[Value] = []
        known = _named(body["fields"]) if "fields" in body else _object(body.get("text"), held)
        # RAGFlow takes no empty text, and of all that is no text the text
        rich = {name: value for name, value in (known or {}).items() if _is_rich(value)}
        if known is None or not rich:
            continue
        made = Node(unique(f"{node.id}_body", taken), "code", f"Body of {node.title or node.id}")
        made.inputs = {f"a{i}": value for i, value in enumerate(held)}
        outputs = {name: name if re.fullmatch(r"\w+", name, re.ASCII) else f"field_{i}" for i, name in enumerate(rich)}
        made.outputs = {outputs[name]: TYPES.get(type(value), Type()) for name, value in rich.items()}
        returned = ", ".join(f"{outputs[name]!r}: {_python(value)}" for name, value in rich.items())
        source = _CODE.format(arguments=", ".join(made.inputs), returned=returned)
        made.params = {"lang": "python3", "style": "kwargs", "source": source}
        values = {name: _plain(value, held) for name, value in known.items() if name not in rich}
        values |= {name: Ref(made.id, (outputs[name],)) for name in rich}
        _give(node, inside, made, {"fields": [_field(name, values[name]) for name in known]}, told)


def _named(fields: list[dict[str, Any]]) -> dict[str, Value] | None:
    names = [each["name"] for each in fields if isinstance(each["name"], str)]
    return {each["name"]: each.get("value") for each in fields} if len({*names}) == len(fields) else None


def _is_rich(value: Value) -> bool:
    """Whether it is neither a text nor something that is referred to; what refers to something is made elsewhere."""
    if isinstance(value, str):
        return not value or _BARE in value
    return not isinstance(value, Ref | Text | Script) and not any(refs(value))


def _requests(graph: Graph) -> Iterator[tuple[Node, Graph, dict[str, Any]]]:
    for node, inside, _ in walk(graph):
        body = node.params.get("body") if node.kind == "http" else None
        if isinstance(body, dict) and body.get("type") == "json":
            yield node, inside, body


def _give(node: Node, inside: Graph, made: Node, body: dict[str, Value], told: Told) -> None:
    node.params["body"] = {"type": "json", **body}
    insert(inside, made, node)
    told(node, made)


def _field(name: str, value: Value) -> dict[str, Value]:
    return {"name": name, "type": "text", "value": value}


# -- JSON with references in it


def in_strings(source: Value) -> Iterator[tuple[str | Ref | Script, bool]]:
    """The parts of JSON text, and whether each begins within a string of it."""
    quoted = False
    for part in parts(source):
        yield part, quoted
        if isinstance(part, str):
            quoted ^= len(re.findall(r'(?<!\\)(?:\\\\)*"', part)) % 2 == 1


def _object(source: Value, held: list[Value]) -> dict[str, Any] | None:
    """The object that it is, with marks for what it refers to, which is added to `held`; None for anything else."""
    if not isinstance(source, str | Text) or (isinstance(source, str) and not source.strip()):
        return None
    marked = ""
    for part, quoted in in_strings(source):
        if isinstance(part, str):
            marked += part
        else:
            mark = f"{_REF if quoted else _BARE}{len(held)}{_END}"
            marked += mark if quoted else f'"{mark}"'
            held.append(part)
    try:
        found = json.loads(marked, strict=False)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _pieces(value: str, held: list[Value]) -> list[Any]:
    return [held[int(piece)] if i % 2 else piece for i, piece in enumerate(_MARK.split(value))]


def _plain(value: Value, held: list[Value]) -> Value:
    if not isinstance(value, str):
        return value
    made = text(_pieces(value, held))
    return made.parts[0] if isinstance(made, Text) and len(made.parts) == 1 else made


def _python(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {_python(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    if not isinstance(value, str) or not _MARK.search(value):
        return repr(value)
    pieces = [f"a{piece}" if i % 2 else repr(piece) for i, piece in enumerate(_MARK.split(value)) if piece]
    return f"value({pieces[0]})" if value.startswith(_BARE) else f"text({', '.join(pieces)})"


TYPES = {dict: Type("object"), list: Type("array"), bool: Type("boolean"), int: Type("number"), float: Type("number")}
_CODE = """def main({arguments}):
    import json

    def text(*parts):
        return "".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts)

    def value(part):
        return json.loads(part) if isinstance(part, str) else part  # it stands in the JSON as it is

    return {{{returned}}}
"""


# -- JavaScript that makes an object

_WHOLE = re.compile(r"\s*JSON\s*\.\s*stringify\s*\(\s*\{(.*)\}\s*\)\s*", re.S)
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[()\[\]{}]|,|[^'"`()\[\]{},]+""", re.S)
_MEMBER = re.compile(r"""\s*(?:([A-Za-z_$][\w$]*)|'([^'\\]*)'|"([^"\\]*)")\s*:(.*)""", re.S)


def _members(source: str) -> dict[str, str] | None:
    """The members of `JSON.stringify({...})` by name; None where it is more than names with values."""
    whole = _WHOLE.fullmatch(source)
    if not whole or "".join(_TOKEN.findall(whole[1])) != whole[1]:
        return None
    depth, pieces = 0, [""]
    for token in _TOKEN.findall(whole[1]):
        depth += (token in "([{") - (token in ")]}")
        if depth < 0:
            return None
        if token == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += token
    found = [_MEMBER.fullmatch(piece) for piece in pieces if piece.strip()]
    if depth or not all(found):
        return None
    return {str(each[1] or each[2] or each[3]): each[4].strip() for each in found if each}
