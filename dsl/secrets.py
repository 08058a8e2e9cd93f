"""Secrets in a workflow are kept out of what is written: each becomes a reference to an environment variable.

Where no reference can stand (code, notes, titles, ids, what a kind wants as plain text) `${NAME}` takes its place: that
is text, and the note about it says so.
"""

import copy
from dataclasses import replace
from functools import partial
from typing import Any

from dsl.hiding import texts, without
from dsl.ir import Flow, Node, OnError, Ref, Resource, Script, Text, Type, Variable
from dsl.irjson import fits
from dsl.notes import Note
from dsl.sensitive import Found, found, is_random, is_secret_name, variable
from dsl.tokens import likely
from dsl.values import at, leaves, refs, text, unique, walk


def mask(flow: Flow) -> tuple[Flow, list[Note]]:
    """The flow without its secrets, and a note for each; `flow` itself when there is none."""
    masker = _Masker(flow)
    masked = masker.masked()
    return (masked, masker.notes) if masker.names else (flow, [])


def secrets_of(flow: Flow) -> dict[str, str]:
    """The secrets of a flow that cannot be taken for a word, by what stands for each elsewhere."""
    masker = _Masker(flow)
    masker.masked()
    return masker.anywhere()


class _Masker:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.texts = texts(flow)
        self.found = partial(found, forms=likely(self.texts))
        self.names: dict[str, str] = {}  # secret -> the variable's name
        self.in_names: dict[str, str] = {}  # those of them that stand where no variable can
        self.referred: set[str] = set()  # secrets in whose place a reference stands
        self.spelled: set[str] = set()  # and those that are `${NAME}` in the node at hand
        self.ids: dict[str, str] = {}  # of resources, as they were -> as they are now
        self.taken = {variable.name for variable in flow.variables}
        self.notes: list[Note] = []
        self.at: Node | None = None
        self.refers = True  # whether a reference may stand where a secret was

    def masked(self) -> Flow:
        flow = self.flow
        resources = [self.resource(resource) for resource in flow.resources]
        changed = {id(node): self.node(node) for node, _, _ in walk(flow.graph)}
        variables = [self.variable(variable) for variable in flow.variables]
        result = replace(flow, resources=resources, variables=variables)
        if self.names:
            result.graph = copy.deepcopy(flow.graph)
            for mine, theirs in zip(walk(result.graph), walk(flow.graph), strict=True):
                vars(mine[0]).update(changed[id(theirs[0])])
            new = [Variable("env", name, Type("secret")) for each, name in self.names.items() if each in self.referred]
            result.variables = variables + [each for each in new if each.name not in {one.name for one in variables}]
        self.look_at_names(result)
        return without(result, self.anywhere())  # type: ignore[no-any-return]

    def anywhere(self) -> dict[str, str]:
        """What is taken out wherever it stands."""
        return self.in_names | {secret: name for secret, name in self.names.items() if is_random(secret)}

    def look_at_names(self, flow: Flow) -> None:
        """Titles, ids, descriptions, notes of reading: what no variable can stand for."""
        for each in texts(flow) if self.names else self.texts:
            for span in self.found(each, code=True):
                secret = each[span.start : span.end]
                if secret not in self.names:
                    self.names[secret] = unique(span.name, self.taken)
                    self.notes += [replace(_IN_A_NAME, source_pointer=at) for at in places(self.flow, secret, None)]
                self.in_names[secret] = self.names[secret]

    def node(self, node: Node) -> dict[str, Any]:
        self.at, self.spelled = node, set()
        before = set(self.names)
        made = {
            "params": {name: self.param(name, value) for name, value in node.params.items()},
            "inputs": self.value(node.inputs, ""),
            "outputs": self.types(node.outputs),
            "on_error": self.policy(node.on_error),
        }
        for secret in [each for each in self.names if each not in before or each in self.spelled]:
            self.tell(secret, node)
        return made

    def param(self, name: str, value: Any) -> Any:
        """With references where the kind of the node lets them stand, else in plain text."""
        masked = self.value(value, name)
        if self.at is None or masked == value or fits(self.at.kind, name, masked):
            return masked
        return self.spelt(value, name)

    def spelt(self, value: Any, key: str = "") -> Any:
        self.refers = False
        try:
            return self.value(value, key)
        finally:
            self.refers = True

    def types(self, types: dict[str, Type]) -> dict[str, Type]:
        return {name: replace(each, default=None) if self.holds(each, name) else each for name, each in types.items()}

    def holds(self, what: Type | Variable, name: str) -> bool:
        """Whether the default is a secret."""
        return isinstance(what.default, str) and bool(self.found(what.default, name))

    def policy(self, policy: OnError) -> OnError:
        return replace(policy, default=self.spelt(policy.default)) if policy.default else policy

    def resource(self, resource: Resource) -> Resource:
        """Their ids and names hold addresses, and those may hold tokens."""
        self.at, before = None, set(self.names)
        id_, name, hint = (self.spelt(each) for each in (resource.id, resource.name, resource.hint))
        self.ids[resource.id] = id_
        for secret in [each for each in self.names if each not in before]:
            self.tell(secret, None)
        return replace(resource, id=id_, name=name, hint=hint)

    def variable(self, variable: Variable) -> Variable:
        if not self.holds(variable, variable.name):
            return variable
        secret = str(variable.default)
        self.names[secret] = variable.name
        self.referred.add(secret)
        self.tell(secret, None)
        return replace(variable, type=Type("secret"), default=None)

    def value(self, value: Any, key: str, *, sent: bool = False) -> Any:
        if isinstance(value, str):
            return self.string(value, key, sent)
        if isinstance(value, Text):
            return self.text(value, key, sent)
        if isinstance(value, Script):
            return replace(value, source=self.plain(value.source, self.found(value.source, key, sent=sent, code=True)))
        if isinstance(value, dict):
            return self.mapping(value, key)
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):  # a header
            return [value[0], self.value(value[1], value[0], sent=True)]
        return [self.value(inner, key) for inner in value] if isinstance(value, list) else value

    def mapping(self, value: dict[str, Any], key: str) -> dict[str, Any]:
        under = value.get("name") if isinstance(value.get("name"), str) and "value" in value else None
        under = "authorization" if key == "auth" else under
        made = {name: self.value(inner, under if under and name == "value" else name) for name, inner in value.items()}
        if isinstance(made.get("right"), str) and is_random(made["right"]) and _asks_for_a_secret(value.get("left")):
            made["right"] = self.cut(made["right"], [Found(0, len(made["right"]), _asks_for_a_secret(value["left"]))])
        return made

    def string(self, value: str, key: str, sent: bool) -> Any:
        if value in self.ids:
            return self.ids[value]
        if key == "source" or (self.at and self.at.kind == "note"):
            return self.plain(value, self.found(value, code=key == "source"))
        return self.cut(value, self.found(value, key, sent=sent))

    def text(self, value: Text, key: str, sent: bool) -> Any:
        """Looked at as a whole, with `{{...}}` for what is no text."""
        shown = [part if isinstance(part, str) else "{{" + getattr(part, "source", "") + "}}" for part in value.parts]
        spans = self.found("".join(shown), key, sent=sent)
        result: list[Any] = []
        start = 0
        for part, as_shown in zip(value.parts, shown, strict=True):
            end = start + len(as_shown)
            if isinstance(part, str):
                result += self.pieces(part, _inside(spans, start, end, start))
            elif isinstance(part, Script):
                result.append(replace(part, source=self.plain(part.source, _inside(spans, start, end, start + 2))))
            else:
                result.append(part)
            start = end
        return text(result) if spans else value

    def cut(self, value: str, spans: list[Found]) -> Any:
        return text(self.pieces(value, spans)) if spans else value

    def pieces(self, value: str, spans: list[Found]) -> list[Any]:
        result: list[Any] = []
        end = 0
        for each in spans:
            secret = value[each.start : each.end]
            (self.referred if self.refers else self.spelled).add(secret)
            name = self.name(secret, each.name)
            result += [value[end : each.start], Ref("", (name,), "env") if self.refers else "${" + name + "}"]
            end = each.end
        return [*result, value[end:]]

    def plain(self, source: str, spans: list[Found]) -> str:
        for each in reversed(spans):
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


_IN_A_NAME = Note(
    "needs_binding",
    "secret.found",
    "A secret stands in a name, or in a text that people read; it is not in the file.",
    "Take it out here, too.",
)


def _inside(spans: list[Found], start: int, end: int, zero: int) -> list[Found]:
    """The spans in a stretch of the text, counted from `zero`."""
    return [
        replace(each, start=each.start - zero, end=each.end - zero)
        for each in spans
        if start <= each.start and each.end <= end
    ]


def _asks_for_a_secret(left: Any) -> str:
    """The variable for what is compared with a value that is called like a secret; "" for any other value."""
    names = [str(ref.path[-1]) for ref in refs(left) if ref.path]
    return next((variable(name) for name in names if is_secret_name(name)), "")


def _told(name: str, node: Node | None, spelled: bool) -> tuple[str, str]:
    """What became of a secret, and what to do: programs and notes know no variables of the platform."""
    if node is None or not spelled:
        return (
            f"A secret became the environment variable {name}; it is not in the file.",
            f"Give {name} its value on the target.",
        )
    where = {"note": "the note", "code": "the code"}.get(node.kind, "an expression or a plain text")
    message = f"A secret stood in {where}; ${{{name}}} stands there as text."
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
