"""The common form as JSON: `--to ir` is how one looks at it, and how tests and other programs hand it over.

Values that JSON has no form for: {"$ref": [scope, node, path]}, {"$text": [part, ...]}, {"$script": [lang, source,
refs]}, {"$date": text}; a mapping with a key that starts with $ is {"$lit": {...}}. Fields at their default are absent.
"""

import dataclasses
import datetime
import functools
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from dsl import DslError
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Resource, Scope, Script, Text, Type, Variable
from dsl.kinds import KINDS
from dsl.load import dump_json
from dsl.notes import Note

VERSION = "1"
COSMETIC: frozenset[str] = frozenset()


def encode(value: Any) -> Any:
    if isinstance(value, Ref):
        return {"$ref": [value.scope, value.node, list(value.path)]}
    if isinstance(value, Text):
        return {"$text": [encode(part) for part in value.parts]}
    if isinstance(value, Script):
        return {"$script": [value.lang, value.source, [encode(ref) for ref in value.refs]]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, dict):
        inner = {key: encode(item) for key, item in value.items()}
        odd = any(not isinstance(key, str) or key.startswith("$") for key in value)
        return {"$lit": [[key, item] for key, item in inner.items()]} if odd else inner
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, (datetime.date, datetime.datetime)):
        return {"$date": value.isoformat()}
    return value


def _fields(value: Any) -> Any:
    """A dataclass as a mapping of what is not at its default."""
    result = {}
    for each in dataclasses.fields(value):
        inner = getattr(value, each.name)
        factory = each.default_factory
        default = factory() if factory is not dataclasses.MISSING else each.default
        if default is dataclasses.MISSING or inner != default:
            result[each.name] = encode(inner)
    return {"$type": result} if isinstance(value, Type) else result


def decode(value: Any, place: str) -> Any:
    if isinstance(value, list):
        return [decode(item, f"{place}/{i}") for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    try:
        match value:
            case {"$ref": [scope, str(node), list(path)]} if scope in get_args(Scope):
                return _checked(Ref(node, tuple(path), scope))
            case {"$text": list(parts)}:
                return _checked(Text(tuple(decode(part, place) for part in parts)))
            case {"$script": [lang, str(source), list(refs)]}:
                return _checked(Script(lang, source, tuple(decode(ref, place) for ref in refs)))
            case {"$lit": list(pairs)}:
                return {key: decode(item, place) for key, item in pairs}
            case {"$date": str(text)}:
                kind = datetime.date if len(text) == 10 else datetime.datetime
                return kind.fromisoformat(text)
            case {"$type": dict(fields)}:
                return _make(Type, fields, place)
    except (TypeError, ValueError) as error:
        raise DslError(f"{place}: this is no value of a flow: {error}.") from None
    if odd := next((key for key in value if key.startswith("$")), None):
        raise DslError(f"{place}: {odd} is no form of a value, or does not hold what it should.")
    return {key: decode(item, f"{place}/{key}") for key, item in value.items()}


_NESTED: dict[str, Any] = {"graph": Graph, "body": Graph, "on_error": OnError}
_LISTS: dict[str, Any] = {"nodes": Node, "edges": Edge, "variables": Variable, "resources": Resource, "notes": Note}


def _make(kind: Any, fields: Any, place: str) -> Any:
    if not isinstance(fields, dict):
        raise DslError(f"{place}: a mapping is wanted here.")
    known = {each.name for each in dataclasses.fields(kind)}
    if unknown := sorted(set(fields) - known):
        raise DslError(f"{place}/{unknown[0]}: a {kind.__name__.lower()} has no such field.")
    made = {name: _member(name, value, f"{place}/{name}") for name, value in fields.items()}
    for name in ("position", "folded", "options"):
        if isinstance(made.get(name), list):
            made[name] = tuple(made[name])
    for name, value in made.items():
        if not _fits(value, _hints(kind)[name]):
            raise DslError(f"{place}/{name}: {_hints(kind)[name]} is wanted here.".replace("dsl.ir.", ""))
    try:
        return kind(**made)
    except TypeError as error:
        raise DslError(f"{place}: {str(error).split(') ')[-1]}.") from None


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, as far as the common form uses types."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is dict:
        return isinstance(value, dict) and all(isinstance(k, str) and _fits(v, inner[1]) for k, v in value.items())
    if origin is list:
        return isinstance(value, list) and all(_fits(each, inner[0]) for each in value)
    if origin is tuple:
        each_of = [inner[0]] * len(value) if isinstance(value, tuple) and inner[-1] is ... else inner
        return isinstance(value, tuple) and len(value) == len(each_of) and all(map(_fits, value, each_of))
    wanted = (int, float) if hint is float else hint
    return isinstance(value, wanted) and (hint is bool or not isinstance(value, bool))


def _checked(value: Any) -> Any:
    """A reference, text or script whose parts are what they should be; TypeError otherwise."""
    kind: Any = type(value)
    for name, hint in _hints(kind).items():
        if not _fits(getattr(value, name), hint):
            raise TypeError(f"{name} is not right")
    return value


def _member(name: str, value: Any, place: str) -> Any:
    if name in _NESTED and value is not None:
        return _make(_NESTED[name], value, place)
    if name in _LISTS:
        if not isinstance(value, list):
            raise DslError(f"{place}: a list is wanted here.")
        return [_make(_LISTS[name], item, f"{place}/{i}") for i, item in enumerate(value)]
    return decode(value, place)


def sniff(document: Any) -> bool:
    return isinstance(document, dict) and "flowstill" in document and "flow" in document


def read(document: Any) -> Flow:
    """DslError names the place of what is not as it should be."""
    if document["flowstill"] != VERSION:
        raise DslError(
            f"/flowstill: version {document['flowstill']!r} of the common form; this flowstill reads {VERSION!r}."
        )
    flow: Flow = _make(Flow, document["flow"], "/flow")
    _check(flow.graph, "/flow/graph", set())
    return flow


def _check(graph: Graph, place: str, ids: set[str]) -> None:
    for i, node in enumerate(graph.nodes):
        where = f"{place}/nodes/{i}"
        if not isinstance(node.id, str) or node.id in ids:
            raise DslError(f"{where}/id: {node.id!r} is not a name of its own.")
        if node.kind not in KINDS:
            raise DslError(f"{where}/kind: {node.kind!r} is no kind of node. There are: {', '.join(sorted(KINDS))}.")
        ids.add(node.id)
        if node.body is not None:
            _check(node.body, f"{where}/body", ids)


def build(flow: Flow) -> tuple[Any, list[Note]]:
    """With the document that the flow was read from: nothing is lost on this way."""
    return {"flowstill": VERSION, "flow": encode(flow)}, []


def dump(document: Any) -> str:
    return dump_json(document)


def unpack(data: bytes) -> None:
    return None
