"""The common form as JSON: `--to ir` is how one looks at it, and how tests and other programs hand it over.

Values that JSON has no form for: {"$ref": [scope, node, path]}, {"$text": [part, ...]}, {"$script": [lang, source,
refs]}, {"$date": text}; a mapping with a key that starts with $ is {"$lit": {...}}. Fields at their default are absent.
"""

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from dsl import DslError
from dsl.dialects import DIALECTS
from dsl.dump import dump_json
from dsl.ir import Edge, Flow, Graph, Json, Node, OnError, Ref, Resource, Scope, Script, Text, Type, Value, Variable
from dsl.kinds import EVERYWHERE, KINDS
from dsl.notes import Note
from dsl.values import pointer

VERSION = "1"
COSMETIC: frozenset[str] = frozenset()
SETTINGS = ()


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
        return {"$lit": [[encode(key), item] for key, item in inner.items()]} if odd else inner
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
                return {_key(key, place): decode(item, place) for key, item in pairs}
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


def _key(key: Any, place: str) -> Any:
    """A mapping of YAML may have dates as keys."""
    if not isinstance(key, dict):
        return key
    if not isinstance(made := decode(key, place), datetime.date):
        raise ValueError("a key is a text, a number or a date")
    return made


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
        _demand(_misfits(value, _hints(kind)[name], f"{place}/{name}"))
    try:
        return kind(**made)
    except TypeError as error:
        raise DslError(f"{place}: {str(error).split(') ')[-1]}.") from None


def _demand(wrongs: Iterator[str]) -> None:
    if (wrong := next(wrongs, None)) is not None:
        raise DslError(wrong)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _misfits(value: Any, hint: Any, place: str) -> Iterator[str]:
    """What of a value is not of a type, as far as the common form uses types."""
    origin, inner = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        yield from _fields_of(value, _hints(hint), hint.__required_keys__, place)
    elif origin in (Required, NotRequired):
        yield from _misfits(value, inner[0], place)
    elif origin in (Union, UnionType):
        yield from _of_none(value, hint, place)
    elif origin is dict and isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for key, item in value.items():
            yield from _misfits(item, inner[1], place + pointer(key))
    elif (origin is list and isinstance(value, list)) or (origin is tuple and isinstance(value, (list, tuple))):
        yield from _items_of(value, hint, place)
    elif not _is(value, hint):
        yield f"{place}: {_wanted(hint)} is wanted here."


def _fields_of(value: Any, hints: dict[str, Any], required: Iterable[str], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: a mapping is wanted here."
        return
    for key, item in value.items():
        if key not in hints:
            yield f"{place}{pointer(key)}: there is no such field here. There are: {', '.join(hints) or 'none'}."
        else:
            yield from _misfits(item, hints[key], place + pointer(key))
    yield from (f"{place}: {key!r} is missing here." for key in required if key not in value)


def _of_none(value: Any, hint: Any, place: str) -> Iterator[str]:
    """What is wrong inside where the value looks like one of several types, else that it is none of them."""
    found = [next(_misfits(value, each, place), None) for each in get_args(hint)]
    if None not in found:
        deep = [each for each in found if each and not each.startswith(f"{place}: ")]
        yield deep[0] if deep else f"{place}: {_wanted(hint)} is wanted here."


def _items_of(value: Any, hint: Any, place: str) -> Iterator[str]:
    inner = get_args(hint)
    hints = [inner[0]] * len(value) if get_origin(hint) is list or inner[-1] is ... else inner
    if len(value) != len(hints):
        yield f"{place}: a list of {len(hints)} is wanted here."
        return
    for i, (item, each) in enumerate(zip(value, hints, strict=True)):
        yield from _misfits(item, each, f"{place}/{i}")


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is of a type that has no others inside."""
    if hint is Any:
        return True
    if hint == Value:
        return not _holds(value, (Type,))
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if hint == Json:
        return not _holds(value, (Ref, Text, Script, Type))
    if get_origin(hint) is Annotated:
        return isinstance(value, str) and value in hint.__metadata__[0]
    plain = (int, float) if hint is float else get_origin(hint) or hint
    return isinstance(value, plain) and (hint is bool or not isinstance(value, bool))


def _holds(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, (dict, list)):
        return any(_holds(each, kinds) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, kinds)


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}
_NAMES |= {Ref: "a reference", Text: "a text with references", Script: "a script", dict: "a mapping", list: "a list"}


def _wanted(hint: Any) -> str:
    origin = get_origin(hint)
    if hint in (Json, Value):
        return "a value" if hint == Value else "a value without references"
    if origin in (Union, UnionType):
        return " or ".join(_wanted(each) for each in get_args(hint))
    if origin in (Literal, Annotated):
        known = get_args(hint) if origin is Literal else sorted(hint.__metadata__[0])
        return ("one of " if len(known) > 1 else "") + ", ".join(map(repr, known))
    plain = dict if is_typeddict(hint) else list if origin is tuple else origin or hint
    return _NAMES.get(plain) or f"a {plain.__name__.lower()}"


def _checked(value: Any) -> Any:
    """A reference, text or script whose parts are what they should be; TypeError otherwise."""
    kind: Any = type(value)
    for name, hint in _hints(kind).items():
        if next(_misfits(getattr(value, name), hint, ""), None):
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
    if flow.dialect not in DIALECTS:
        raise DslError(f"/flow/dialect: {flow.dialect!r} is none. There are: {', '.join(DIALECTS)}.")
    _check(flow.graph, "/flow/graph", set())
    return flow


def _check(graph: Graph, place: str, ids: set[str]) -> None:
    for i, node in enumerate(graph.nodes):
        where = f"{place}/nodes/{i}"
        if not isinstance(node.id, str) or node.id in ids:
            raise DslError(f"{where}/id: {node.id!r} is not a name of its own.")
        if node.kind not in KINDS:
            raise DslError(f"{where}/kind: {node.kind!r} is no kind of node. There are: {', '.join(sorted(KINDS))}.")
        if (node.body is not None) != (node.kind in ("iterate", "loop")):
            raise DslError(f"{where}/body: an iterate or a loop has a body, and no other node.")
        known = KINDS[node.kind].params | EVERYWHERE
        _demand(_fields_of(node.params, known, (), f"{where}/params"))
        ids.add(node.id)
        if node.body is not None:
            _check(node.body, f"{where}/body", ids)


def fits(kind: str, name: str, value: Any) -> bool:
    """Whether a parameter of a node of a kind may hold a value; one that the kind does not know holds anything."""
    hint = (KINDS[kind].params | EVERYWHERE).get(name) if kind in KINDS else None
    return hint is None or next(_misfits(value, hint, ""), None) is None


def build(flow: Flow) -> tuple[Any, list[Note]]:
    """With the document that the flow was read from: nothing is lost on this way."""
    return {"flowstill": VERSION, "flow": encode(flow)}, []


def dump(document: Any) -> str:
    return dump_json(document)


def unpack(data: bytes) -> None:
    return None
