"""Secrets in a workflow are kept out of what is written: each becomes a reference to an environment variable.

In code, notes and the names of resources, where no reference can stand, `${NAME}` takes its place: that is text,
and the note about it says so.
"""

import copy
from dataclasses import replace
from typing import Any

from dsl.ir import Flow, Node, Ref, Resource, Script, Text, Type, Variable
from dsl.notes import Note
from dsl.sensitive import Found, found
from dsl.values import at, leaves, pointer, put, steps, text, unique, walk

# Between a name and what stands under it, as in `{"name": "Authorization", "input": {"value": {"content": ...}}}`.
_BETWEEN = {"value", "content", "input", "default"}


def mask(flow: Flow) -> tuple[Flow, list[Note]]:
    """The flow without its secrets, and a note for each; `flow` itself when there is none."""
    masker = _Masker(flow)
    resources = [masker.resource(resource) for resource in flow.resources]
    changed = {id(node): masker.node(node) for node, _, _ in walk(flow.graph)}
    variables = [masker.variable(variable) for variable in flow.variables]
    if not masker.names:
        return flow, []
    result = copy.deepcopy(replace(flow, raw=None))
    for mine, theirs in zip(walk(result.graph), walk(flow.graph), strict=True):
        mine[0].params, mine[0].inputs, mine[0].outputs = changed[id(theirs[0])]
    result.raw, result.resources = flow.raw, resources
    new = [
        Variable("env", masker.names[secret], Type("secret")) for secret in masker.names if secret in masker.referred
    ]
    result.variables = variables + [each for each in new if each.name not in {known.name for known in variables}]
    return result, masker.notes


class _Masker:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.names: dict[str, str] = {}  # secret -> the variable's name
        self.ids: dict[str, str] = {}  # of resources, as they were -> as they are now
        self.referred: set[str] = set()  # secrets in whose place a reference stands
        self.spelled: set[str] = set()  # and those that are `${NAME}` in the node at hand
        self.taken = {variable.name for variable in flow.variables}
        self.notes: list[Note] = []
        self.at: Node | None = None

    def node(self, node: Node) -> tuple[dict[str, Any], dict[str, Any], dict[str, Type]]:
        self.at, self.spelled = node, set()
        before = set(self.names)
        made = self.value(node.params, ""), self.value(node.inputs, ""), self.types(node.outputs)
        for secret in [each for each in self.names if each not in before or each in self.spelled]:
            self.tell(secret, node)
        return made

    def types(self, types: dict[str, Type]) -> dict[str, Type]:
        return {
            name: replace(each, default=None) if isinstance(each.default, str) and found(each.default, name) else each
            for name, each in types.items()
        }

    def resource(self, resource: Resource) -> Resource:
        """Their ids and names hold addresses, and those may hold tokens."""
        self.at, before = None, set(self.names)
        id_, name, hint = (self.spelt(each) for each in (resource.id, resource.name, resource.hint))
        self.ids[resource.id] = id_
        for secret in [each for each in self.names if each not in before]:
            self.tell(secret, None)
        return replace(resource, id=id_, name=name, hint=hint)

    def spelt(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.spelt(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.spelt(inner) for inner in value]
        return self.plain(value, code=False) if isinstance(value, str) else value

    def variable(self, variable: Variable) -> Variable:
        if not isinstance(variable.default, str) or not found(variable.default, variable.name):
            return variable
        self.names[variable.default] = variable.name
        self.referred.add(variable.default)
        self.tell(variable.default, None)
        return replace(variable, type=Type("secret"), default=None)

    def value(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self.string(value, key)
        if isinstance(value, Text):
            return text([part for each in value.parts for part in self.parts(each, key)])
        if isinstance(value, Script):
            return replace(value, source=self.plain(value.source))
        if isinstance(value, dict):
            under = value.get("name") if isinstance(value.get("name"), str) and "value" in value else None
            return {
                name: self.value(inner, under if under and name == "value" else name) for name, inner in value.items()
            }
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):  # a header
            return [value[0], self.sent(value[1], value[0])]
        return [self.value(inner, key) for inner in value] if isinstance(value, list) else value

    def sent(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return text(self.parts(value, key, sent=True)) if found(value, key, sent=True) else value
        return self.value(value, key)

    def string(self, value: str, key: str) -> Any:
        if value in self.ids:
            return self.ids[value]
        if key == "source" or (self.at and self.at.kind == "note"):
            return self.plain(value)
        return text(self.parts(value, key)) if found(value, key) else value

    def parts(self, part: Any, key: str, *, sent: bool = False) -> list[Any]:
        if not isinstance(part, str):
            return [part]
        result: list[Any] = []
        end = 0
        for each in found(part, key, sent=sent):
            self.referred.add(part[each.start : each.end])
            result += [part[end : each.start], Ref("", (self.name(part[each.start : each.end], each.name),), "env")]
            end = each.end
        return [*result, part[end:]]

    def plain(self, source: str, *, code: bool = True) -> str:
        for each in reversed(found(source, code=code)):
            self.spelled.add(source[each.start : each.end])
            name = self.name(source[each.start : each.end], each.name)
            source = source[: each.start] + "${" + name + "}" + source[each.end :]
        return source

    def name(self, secret: str, wanted: str) -> str:
        if secret not in self.names:
            self.names[secret] = unique(wanted, self.taken)
        return self.names[secret]

    def tell(self, secret: str, node: Node | None) -> None:
        name = self.names[secret]
        message, advice = _told(name, node, secret in self.spelled)
        for place in places(self.flow, secret, node) or [node.pointer if node else ""]:
            self.notes.append(
                Note(
                    "needs_binding",
                    "secret.found",
                    message,
                    advice,
                    node=node.id if node else "",
                    title=node.title if node else "",
                    source_pointer=place,
                )
            )


def _told(name: str, node: Node | None, spelled: bool) -> tuple[str, str]:
    """What became of a secret, and what to do: programs and notes know no variables of the platform."""
    if node is None or not spelled:
        return (
            f"A secret became the environment variable {name}; it is not in the file.",
            f"Give {name} its value on the target.",
        )
    message = f"A secret stood in the {'note' if node.kind == 'note' else 'code'}; ${{{name}}} stands there as text."
    if node.kind == "note":
        return message, ""
    return message, f"Put it in where ${{{name}}} stands, or hand it to the node as an input: nothing fills it in."


def places(flow: Flow, secret: str, node: Node | None) -> list[str]:
    """Where the secret stands in the file that the flow was read from."""
    if flow.raw is None:
        return []
    try:
        inside = at(flow.raw, node.pointer) if node and node.pointer else flow.raw
    except (LookupError, ValueError):
        return []
    start = node.pointer if node else ""
    return [place for place, value in leaves(inside, start) if isinstance(value, str) and secret in value]


def hidden(document: Any) -> tuple[Any, list[str]]:
    """A document with `${NAME}` where a secret stands, and the pointers of those places."""
    document = copy.deepcopy(document)
    places = []
    for place, value in list(leaves(document)):
        spans = _found_at(document, place, value) if isinstance(value, str) else []
        for span in reversed(spans):
            value = value[: span.start] + "${" + span.name + "}" + value[span.end :]
        if spans:
            put(document, place, value)
            places.append(place)
    return document, places


def _found_at(document: Any, place: str, value: str) -> list[Found]:
    """By what the value stands under; of `{"name": "Authorization", "value": ...}` the name."""
    path = steps(place)
    is_sent = any(word in step.lower() for step in path for word in ("header", "query"))
    code = bool(path) and path[-1] in ("code", "jsCode", "pythonCode", "script", "functionCode")
    while path and path[-1] in _BETWEEN:
        path = path[:-1]
        parent = at(document, pointer(*path))
        if isinstance(parent, dict) and isinstance(parent.get("name"), str):
            return found(value, parent["name"], sent=is_sent, code=code)
    return found(value, path[-1] if path else "", sent=is_sent, code=code)
