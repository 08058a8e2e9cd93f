"""Secrets in a workflow: found by the name they stand under or by their look, and kept out of what is written.

The rules are those of the platforms' own places for keys (headers, parameters, tool settings, URLs) and the public
forms of well-known tokens. A secret becomes a reference to an environment variable, or `${NAME}` in code and notes.
"""

import copy
import re
from dataclasses import dataclass, replace
from typing import Any

from dsl.ir import Flow, Node, Ref, Script, Text, Type, Variable
from dsl.notes import Note
from dsl.values import at, leaves, put, steps, text, unique, walk

_NAME = re.compile(
    r"(?i)(^|[^a-z])(authorization|api[-_ ]?key|apikey|x-api-key|secret|client[-_]?secret|password|passwd|pwd|cookie|"
    r"session[-_]?key|private[-_]?key|(access|auth|bearer|refresh|id|bot|api|session|security)?[-_]?token)"
    r"($|[^a-z])"
)
_LOOKS = re.compile(
    r"""
      (?P<openai>      \bsk-[A-Za-z0-9_-]{16,} )
    | (?P<github>      \b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}) )
    | (?P<slack>       \bxox[abeoprs]-[A-Za-z0-9-]{10,} )
    | (?P<slack_hook>  (?<=hooks\.slack\.com/services/)[A-Za-z0-9/_-]{8,} )
    | (?P<aws>         \b(?:AKIA|ASIA)[0-9A-Z]{16}\b )
    | (?P<google>      \bAIza[0-9A-Za-z_-]{35} )
    | (?P<hugging_face>\bhf_[A-Za-z0-9]{30,} )
    | (?P<jwt>         \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,} )
    | (?P<dify>        \b(?:app|dataset)-[A-Za-z0-9]{24}\b )
    | (?P<ragflow>     \bragflow-[A-Za-z0-9]{30,} )
    | (?P<coze>        \b(?:pat|sat|czs)_[A-Za-z0-9]{40,} )
    | (?P<private_key> -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[\s\S]*?-----END\ [A-Z ]*PRIVATE\ KEY----- )
    | (?P<bearer>      (?<=[Bb]earer\ )[A-Za-z0-9._~+/=-]{12,} )
    | (?P<password>    (?<=://)[^\s/@:{}]*:[^\s/@{}]+(?=@) )
    | (?P<url_key>     (?<=[?&])(?P<parameter>(?i:api[-_]?key|apikey|key|access_token|token|secret|password|sig|
                       signature|x-amz-signature|x-signature|x-amz-credential))=(?P<value>[^&\#\s{}"'<>]{6,}) )
    """,
    re.VERBOSE,
)
_PLACEHOLDER = re.compile(
    r"(?i)^(bearer|basic|token)?\s*(\W*|.*(your|\bmy[-_ ]|placeholder|change[-_ ]?me|x{4}|\*{3}|<.*>|\$\w|\{).*)$"
)
_WORDS = re.compile(r"(?i)^(true|false|none|null|no-auth|bearer|basic|custom|header|query|\d{1,5})$")


@dataclass(frozen=True)
class Found:
    """One secret in a text: from `start` to `end`; `name` says what it is, as an environment variable would."""

    start: int
    end: int
    name: str


def found(value: str, key: str = "") -> list[Found]:
    """The secrets in a text that stands under `key`."""
    spans = [_span(match, key) for match in _LOOKS.finditer(value)]
    if spans or not _NAME.search(key):
        return spans
    whole = value.strip()
    if len(whole) < 6 or _PLACEHOLDER.match(whole) or _WORDS.match(whole) or len(whole.split()) > 2:
        return []
    scheme = re.match(r"(?i)\s*(bearer|basic|token|apikey)\s+", value)
    return [Found(scheme.end() if scheme else 0, len(value), _variable(key))]


def _span(match: "re.Match[str]", key: str) -> Found:
    if match.group("parameter"):
        return Found(match.start("value"), match.end("value"), _variable(match.group("parameter")))
    known = next(name for name, part in match.groupdict().items() if part is not None)
    named = _NAME.search(key) and known in ("bearer", "jwt")
    return Found(match.start(), match.end(), _variable(key if named else known))


def _variable(name: str) -> str:
    word = re.sub(r"\W+", "_", name).strip("_").upper()
    return word if _NAME.search(word) or "KEY" in word else f"{word}_KEY"


def mask(flow: Flow) -> tuple[Flow, list[Note]]:
    """The flow without its secrets, and a note for each; `flow` itself when there is none."""
    masker = _Masker(flow)
    changed = {id(node): masker.node(node) for node, _, _ in walk(flow.graph)}
    variables = [masker.variable(variable) for variable in flow.variables]
    if not masker.names:
        return flow, []
    result = copy.deepcopy(replace(flow, raw=None))
    for mine, theirs in zip(walk(result.graph), walk(flow.graph), strict=True):
        mine[0].params, mine[0].inputs, mine[0].outputs = changed[id(theirs[0])]
    result.raw = flow.raw
    new = [Variable("env", name, Type("secret")) for name in masker.names.values()]
    result.variables = variables + [each for each in new if each.name not in {known.name for known in variables}]
    return result, masker.notes


class _Masker:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.names: dict[str, str] = {}  # secret -> the variable's name
        self.taken = {variable.name for variable in flow.variables}
        self.notes: list[Note] = []
        self.at: Node | None = None

    def node(self, node: Node) -> tuple[dict[str, Any], dict[str, Any], dict[str, Type]]:
        self.at = node
        before = set(self.names)
        made = self.value(node.params, ""), self.value(node.inputs, ""), self.types(node.outputs)
        for secret in [each for each in self.names if each not in before]:
            self.tell(secret, node)
        return made

    def types(self, types: dict[str, Type]) -> dict[str, Type]:
        return {
            name: replace(each, default=None) if isinstance(each.default, str) and found(each.default, name) else each
            for name, each in types.items()
        }

    def variable(self, variable: Variable) -> Variable:
        if not isinstance(variable.default, str) or not found(variable.default, variable.name):
            return variable
        self.names[variable.default] = variable.name
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
            return [value[0], self.value(value[1], value[0])]
        return [self.value(inner, key) for inner in value] if isinstance(value, list) else value

    def string(self, value: str, key: str) -> Any:
        if key == "source" or (self.at and self.at.kind == "note"):
            return self.plain(value)
        return text(self.parts(value, key)) if found(value, key) else value

    def parts(self, part: Any, key: str) -> list[Any]:
        if not isinstance(part, str):
            return [part]
        result: list[Any] = []
        end = 0
        for each in found(part, key):
            result += [part[end : each.start], Ref("", (self.name(part[each.start : each.end], each.name),), "env")]
            end = each.end
        return [*result, part[end:]]

    def plain(self, source: str) -> str:
        for each in reversed(found(source)):
            name = self.name(source[each.start : each.end], each.name)
            source = source[: each.start] + "${" + name + "}" + source[each.end :]
        return source

    def name(self, secret: str, wanted: str) -> str:
        if secret not in self.names:
            self.names[secret] = unique(wanted, self.taken)
        return self.names[secret]

    def tell(self, secret: str, node: Node | None) -> None:
        name = self.names[secret]
        for place in places(self.flow, secret, node) or [node.pointer if node else ""]:
            self.notes.append(
                Note(
                    "needs_binding",
                    "secret.found",
                    f"A secret became the environment variable {name}; it is not in the file.",
                    f"Give {name} its value on the target.",
                    node=node.id if node else "",
                    title=node.title if node else "",
                    source_pointer=place,
                )
            )


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
        spans = found(value, _key(document, place)) if isinstance(value, str) else []
        for span in reversed(spans):
            value = value[: span.start] + "${" + span.name + "}" + value[span.end :]
        if spans:
            put(document, place, value)
            places.append(place)
    return document, places


def _key(document: Any, place: str) -> str:
    """What a value stands under; of `{"name": "Authorization", "value": ...}` the name."""
    last = steps(place)[-1] if place else ""
    parent = at(document, place.rpartition("/")[0]) if place else None
    named = last == "value" and isinstance(parent, dict) and isinstance(parent.get("name"), str)
    return str(parent["name"]) if named and isinstance(parent, dict) else last
