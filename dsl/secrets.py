"""Secrets in a workflow are kept out of what is written: each becomes a reference to an environment variable.

Where no reference can stand (code, notes, titles, ids, what a kind wants as plain text) `${NAME}` takes its place: that
is text, and the note about it says so. What is a secret in the file that a flow was read from is one in the flow, and
the other way about: the two are looked at by the same rules, and what is found in either is taken out of both.
"""

import copy
from dataclasses import replace
from typing import Any

from dsl.byname import telling, told_and_keys
from dsl.hiding import Hiding, Known, looking, standing_in, texts, without, words
from dsl.ir import Flow, Node, OnError, Ref, Resource, Script, Text, Type, Variable
from dsl.irjson import fits
from dsl.notes import Note
from dsl.sensitive import Found, is_unsaid
from dsl.spotting import SHORTEST, apart
from dsl.standing import NOWHERE, Under, below, by_leaf
from dsl.values import at, leaves, pointer, text, unique, walk


def mask(flow: Flow) -> tuple[Flow, list[Note]]:
    """The flow without its secrets, and a note for each; `flow` itself when there is none."""
    masker = _Masker(flow)
    masked = masker.masked()
    return (masked, masker.notes) if masker.names else (flow, [])


def secrets_of(flow: Flow) -> Known:
    """The secrets of a flow and of the file that it was read from."""
    masker = _Masker(flow)
    masker.masked()
    return masker.known()


class _Masker:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.texts = texts(flow)
        self.look = looking(self.texts)
        self.file = Hiding(self.look)  # what is found by its name in the file that the flow was read from
        told, keys = told_and_keys(flow.raw)
        for value, under in told:
            self.file.leaf(value, under)
        self.in_keys = self.file.keys(keys)
        self.names: dict[str, str] = {}  # secret -> the variable's name
        self.in_names: dict[str, str] = {}  # those of them that stand where no variable can
        self.referred: set[str] = set()  # secrets in whose place a reference stands
        self.here: dict[str, str] = {}  # what is a secret where the node at hand stands in the file
        self.spelled: set[str] = set()  # secrets that are `${NAME}` in the node at hand
        self.left_out: set[str] = set()  # those that were the default of an input of it
        self.taken_out: set[str] = set()  # all that are not in it any more
        self.within: dict[str, frozenset[str]] = {}  # the same for each node, by its places in the file
        self.ids: dict[str, str] = {}  # of resources, as they were -> as they are now
        self.taken = {variable.name for variable in flow.variables}
        self.notes: list[Note] = []
        self.at: Node | None = None
        self.refers = True  # whether a reference may stand where a secret was

    def masked(self) -> Flow:
        flow = self.flow
        for secret, name in self.file.declared.items():  # whose values the flow does not have
            self.names[secret] = name
            self.tell(secret)
        before = self.begin()
        description = self.described(flow.description)
        self.tell_but(before)
        resources = [self.resource(resource) for resource in flow.resources]
        changed = {id(node): self.node(node) for node, _, _ in walk(flow.graph)}
        variables = [self.variable(variable) for variable in flow.variables]
        result = replace(flow, description=description, resources=resources, variables=variables)
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
        known = self.file.anywhere
        return self.in_names | {each: name for each, name in self.names.items() if each in known or is_unsaid(each)}

    def known(self) -> Known:
        taken = set(self.names.values())
        of_file = {each: name for each, name in self.file.names.items() if each not in self.names}
        names = self.names | {each: unique(name, taken) for each, name in of_file.items()}
        return Known(names, frozenset(self.file.anywhere | self.anywhere().keys()), self.within)

    def look_at_names(self, flow: Flow) -> None:
        """Titles, ids, keys, descriptions, notes of reading: what no variable can stand for."""
        for secret, name in self.in_keys.items():
            self.names[secret] = self.in_names[secret] = self.names.get(secret) or unique(name, self.taken)
            self.notes += [replace(_IN_A_NAME, source_pointer=at) for at in _with_a_key(self.flow.raw, secret)]
        for each in texts(flow) if self.names else self.texts:
            for span in self.look(each, code=True) if len(each) >= SHORTEST else []:
                secret = each[span.start : span.end]
                if secret not in self.names:
                    self.names[secret] = unique(span.name, self.taken)
                    self.notes += [replace(_IN_A_NAME, source_pointer=at) for at in places(self.flow, secret, None)]
                self.in_names[secret] = self.names[secret]

    # -- the parts of a flow

    def node(self, node: Node) -> dict[str, Any]:
        before = self.begin(node)
        made = {
            "params": {name: self.param(name, value) for name, value in node.params.items()},
            "inputs": by_leaf(node.inputs, self.leaf),
            "outputs": by_leaf(node.outputs, self.leaf),
            "description": self.described(node.description),
            "on_error": self.policy(node.on_error),
        }
        for secret in [each for each in self.names if each not in before or each in self.spelled | self.left_out]:
            self.tell(secret, node)
        if self.taken_out:
            self.within |= {place: frozenset(self.taken_out) for place in (node.pointer, *node.folded) if place}
        return made

    def begin(self, node: Node | None = None) -> set[str]:
        """With a part of the flow; gives the secrets that are known by then."""
        self.at, self.here = node, self.seen_at(node) if node else {}
        self.spelled, self.left_out, self.taken_out = set(), set(), set()
        return set(self.names)

    def seen_at(self, node: Node) -> dict[str, str]:
        """What the file shows to be a secret of a node is one in the node, in whichever form it stands there."""
        if not self.file.names:
            return {}
        seen = Hiding(self.look)
        for place in (node.pointer, *node.folded):
            for value, under in telling(_standing(self.flow, place) if place else None):
                seen.leaf(value, under)
        known = self.file.anywhere | seen.names.keys()
        return {secret: name for secret, name in self.file.names.items() if secret in known}

    def param(self, name: str, value: Any) -> Any:
        """With references where the kind of the node lets them stand, else in plain text."""
        masked = by_leaf(value, self.leaf, below(NOWHERE, name))
        if self.at is None or masked == value or fits(self.at.kind, name, masked):
            return masked
        return self.spelt(value, below(NOWHERE, name))

    def spelt(self, value: Any, under: Under = NOWHERE) -> Any:
        self.refers = False
        try:
            return by_leaf(value, self.leaf, under)
        finally:
            self.refers = True

    def policy(self, policy: OnError) -> OnError:
        return replace(policy, default=self.spelt(policy.default)) if policy.default else policy

    def resource(self, resource: Resource) -> Resource:
        """Their ids and names hold addresses, and those may hold tokens."""
        before = self.begin()
        id_, name, hint = (self.spelt(each) for each in (resource.id, resource.name, resource.hint))
        self.ids[resource.id] = id_
        self.tell_but(before)
        return replace(resource, id=id_, name=name, hint=hint)

    def variable(self, variable: Variable) -> Variable:
        """One that has a secret in it is to be filled in; of an object what is one is spelt there."""
        before = self.begin()
        variable = replace(variable, description=self.described(variable.description))
        self.tell_but(before)
        under, whole = Under(variable.name, secret=variable.type.name == "secret"), words(variable.default)
        if whole and variable.type.name != "object" and self.found(whole, under):
            self.names[whole] = variable.name
            self.referred.add(whole)
            self.tell(whole)
            return replace(variable, type=Type("secret"), default=None)
        before = self.begin()
        default = self.spelt(variable.default, under)
        self.tell_but(before)
        return replace(variable, default=default)

    def described(self, words: str) -> str:
        return self.plain(words, self.found(words)) if words else words

    # -- the values in them

    def leaf(self, value: Any, under: Under) -> Any:
        if isinstance(value, Text):
            return self.text(value, under)
        if isinstance(value, Script):
            code = value.lang != "jinja2"  # which is text for the most part
            spans = self.found(value.source, under, code=code)
            return replace(value, source=self.plain(value.source, spans)) if spans else value
        if isinstance(value, Type):
            return self.type(value, under)
        if isinstance(value, str) and value in self.ids:
            return self.ids[value]
        return self.words(value, words(value), under)

    def words(self, value: Any, shown: str, under: Under) -> Any:
        code = under.key == "source"
        if shown and (code or (self.at and self.at.kind == "note")):
            return self.plain(shown, self.found(shown, code=code)) if isinstance(value, str) else value
        spans = self.found(shown, under) if shown else []
        return text(self.pieces(shown, spans)) if spans else value

    def type(self, type_: Type, under: Under) -> Type:
        """Of an input: a default that is a secret is left out, and an option that is one is spelt."""
        if type_.default is None and not (type_.options or type_.props or type_.items):
            return type_
        default, options = (
            self.default(type_, under),
            [self.plain(each, self.found(each, under)) for each in type_.options],
        )
        inner = {"items": type_.items and self.type(type_.items, under), "props": by_leaf(type_.props, self.leaf)}
        return replace(type_, default=default, options=tuple(options), **inner)

    def default(self, type_: Type, under: Under) -> Any:
        shown = words(type_.default)
        spans = self.found(shown, under) if shown else []
        for span in spans:
            self.name(shown[span.start : span.end], span.name)
            self.left_out.add(shown[span.start : span.end])
        return None if spans else type_.default

    def found(self, value: str, under: Under = NOWHERE, *, code: bool = False) -> list[Found]:
        spans = self.look(value, under, code=code)
        return apart(spans + standing_in(value, self.here)) if self.here else spans

    def text(self, value: Text, under: Under) -> Any:
        """Looked at as a whole, with `{{...}}` for what is no text."""
        shown = [part if isinstance(part, str) else "{{" + getattr(part, "source", "") + "}}" for part in value.parts]
        if not (spans := self.found("".join(shown), under)):
            return value
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
        return text(result)

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
        self.taken_out.add(secret)
        if secret not in self.names:
            self.names[secret] = unique(wanted, self.taken)
        return self.names[secret]

    def tell_but(self, told: set[str]) -> None:
        for secret in [each for each in self.names if each not in told]:
            self.tell(secret)

    def tell(self, secret: str, node: Node | None = None) -> None:
        name = self.names[secret]
        message, advice = _LEFT_OUT if secret in self.left_out else _told(name, node, secret in self.spelled)
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


_LEFT_OUT = ("A secret stood as the default of an input; there is none now.", "Give it where the workflow is run.")


def _told(name: str, node: Node | None, spelled: bool) -> tuple[str, str]:
    """What became of a secret, and what to do: programs and notes know no variables of the platform."""
    if not spelled:
        return (
            f"A secret became the environment variable {name}; it is not in the file.",
            f"Give {name} its value on the target.",
        )
    kind = node.kind if node else ""
    where = {"note": "the note", "code": "the code"}.get(kind, "an expression or a plain text")
    message = f"A secret stood in {where}; ${{{name}}} stands there as text."
    if kind == "note":
        return message, ""
    return message, f"Put it in where ${{{name}}} stands, or hand it to the node as an input: nothing fills it in."


def places(flow: Flow, secret: str, node: Node | None) -> list[str]:
    """Where the secret stands in the file that the flow was read from."""
    start = node.pointer if node else ""
    return [place for place, value in leaves(_standing(flow, start), start) if standing_in(words(value), {secret: ""})]


def _with_a_key(document: Any, secret: str) -> list[str]:
    """The mappings that have a key with the secret in it."""
    key = pointer(secret)[1:]
    found = [place[: place.rindex("/", 0, place.index(key))] for place, _ in leaves(document) if key in place]
    return [*dict.fromkeys(found)]


def _standing(flow: Flow, place: str) -> Any:
    try:
        return at(flow.raw, place)
    except (LookupError, ValueError, TypeError):  # the file was changed since, or there is none
        return None
