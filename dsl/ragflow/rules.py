"""What RAGFlow takes when a canvas is saved, and fails on or passes over when it runs (ragflow-canvas.md, 4)."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from dsl.ir import Flow
from dsl.lint import Finding
from dsl.ragflow.reading import listing
from dsl.ragflow.refused import Found, asked
from dsl.ragflow.returned import BESIDE
from dsl.ragflow.sandbox import refused
from dsl.ragflow.skipped import passed_by
from dsl.ragflow.tables import SYSTEM
from dsl.ragflow.text import is_name
from dsl.reach import Reach
from dsl.values import node_refs, nodes, pointer

_ID = re.compile(r"[a-zA-Z0-9_:]+")
_SWITCHED = ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty")


def check(flow: Flow) -> Iterator[Finding]:
    document = flow.raw if isinstance(flow.raw, dict) else {}
    body, base = (document["dsl"], "/dsl") if isinstance(document.get("dsl"), dict) else (document, "")
    titles = {node.id: node.title for node in nodes(flow).values()}
    for key, component in (body.get("components") or {}).items():
        obj, title = component["obj"], titles.get(str(key)) or str(key)
        found = [*_component(obj["component_name"], obj.get("params", {})), *_form(str(key), obj["component_name"])]
        found += _name(str(key))
        for level, code, message, fix in found:
            place = base + pointer("components", str(key))
            yield Finding(level, code, f"'{title}': {message}", place, str(key), title, fix)
    yield from _missing(flow)
    yield from _passed_by(flow)
    yield from _lost(body.get("components") or {}, base)


def _lost(components: dict[str, Any], base: str) -> Iterator[Finding]:
    """Where switches and categories lead to components that are not there, by their own words for it."""
    for key, component in components.items():
        params = component["obj"].get("params", {})
        for path, target in _targets(params):
            if str(target) not in components:
                place = base + pointer("components", str(key), "obj", "params", *path)
                message = f"'{key}' leads to {target!r}, which does not exist here: the run fails."
                yield Finding("error", "edge.dangling", message, place, str(key), str(key), "Lead it to a component.")


def _targets(params: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    described = params.get("category_description")
    held: list[tuple[tuple[str | int, ...], Any]] = [(("end_cpn_ids",), params.get("end_cpn_ids"))]
    held += [(("conditions", i, "to"), _to(each)) for i, each in enumerate(listing(params.get("conditions")))]
    for name, each in described.items() if isinstance(described, dict) else ():
        held.append((("category_description", name, "to"), _to(each)))
    yield from (((*path, i), target) for path, to in held for i, target in enumerate(listing(to)))


def _to(way: Any) -> Any:
    return way.get("to") if isinstance(way, dict) else None


def _name(key: str) -> Iterator[Found]:
    if not _ID.fullmatch(key):
        message = f"no reference can name {key!r}: RAGFlow leaves it in the text as it stands."
        yield "warning", "name.pattern", message, "Use letters, digits, _ and : only."


def _form(key: str, name: str) -> Iterator[Found]:
    if name == "UserFillUp" and "userfillup" not in key.lower():
        message = "RAGFlow knows a form by its id, and begins anew behind this one."
        yield "error", "form.id", message, "Give it an id that begins with UserFillUp."


def _missing(flow: Flow) -> Iterator[Finding]:
    """Names of the system that RAGFlow does not have, and stops at."""
    for node in nodes(flow).values():
        for ref in dict.fromkeys(node_refs(node)):
            name = ".".join(map(str, ref.path))
            if ref.scope == "system" and str((*ref.path, "")[0]) not in SYSTEM:
                message = f"'{node.title or node.id}': RAGFlow has no sys.{name}, and fails."
                fix = f"It has: {', '.join(sorted(SYSTEM.values()))}."
                yield Finding("error", "ref.system", message, node.pointer, node.id, node.title, fix)


def _passed_by(flow: Flow) -> Iterator[Finding]:
    reach = Reach(flow)
    for node in nodes(flow).values():
        for ref in passed_by(node, reach):
            name = ".".join(map(str, (ref.node, *ref.path)))
            message = f"'{node.title or node.id}' names {name!r} of another branch: without that it is left out."
            fix = "Take the values together in a VariableAggregator or in code before it."
            yield Finding("warning", "ref.branch", message, node.pointer, node.id, node.title, fix)


def _component(name: str, params: dict[str, Any]) -> Iterator[Found]:
    if name == "Loop":
        yield from _loop(params)
    yield from asked(name, params)
    if name == "Invoke":
        yield from _invoke(params)
    if name in ("Agent", "LLM"):
        yield from _model(params)
    if name == "CodeExec" and isinstance(params.get("script"), str):
        yield from _code(str(params.get("lang")), params["script"])
        yield from _contract(params)
    if name == "Message" and isinstance(params.get("content"), list) and len(params["content"]) > 1:
        yield "note", "message.random", "one of its texts is chosen at random.", "Leave one, unless that is meant."


def _loop(params: dict[str, Any]) -> Iterator[Found]:
    if not params.get("loop_termination_condition") and params.get("logical_operator", "and") == "and":
        yield "error", "loop.ends", "without a condition the loop ends before its first round.", "Give it one."
    if params.get("maximum_loop_count") == 0:
        yield "error", "loop.ends", "a maximum of 0 rounds ends the loop at once.", "Raise maximum_loop_count."


def _code(lang: str, script: str) -> Iterator[Found]:
    if found := refused(lang, script):
        message = f"RAGFlow's sandbox refuses {', '.join(found)} before it runs the code."
        yield "error", "code.refused", message, "Write it without, under other names."


def _contract(params: dict[str, Any]) -> Iterator[Found]:
    """RAGFlow has one output for the whole of what `main` returns, and looks all arguments up."""
    outputs = params.get("outputs") if isinstance(params.get("outputs"), dict) else {}
    given = [name for name in outputs or {} if name not in BESIDE]
    if outputs and len(given) != 1:
        message = f"RAGFlow gives out one value, the whole of what main returns, and not {len(given)}: it fails."
        yield "error", "code.outputs", message, "Declare one output, and read the others as fields of it."
    arguments = params.get("arguments") if isinstance(params.get("arguments"), dict) else {}
    if words := [name for name, value in (arguments or {}).items() if value and not is_name(value)]:
        message = f"RAGFlow looks up what is given for {', '.join(map(str, words))}, and fails: it is no reference."
        yield "error", "code.literal", message, "Write it into the code."


def _invoke(params: dict[str, Any]) -> Iterator[Found]:
    if _private(str(params.get("url", ""))):
        message = "RAGFlow refuses addresses of private networks and says 'URL not valid'."
        yield "warning", "http.private", message, "Its operator may allow them: ALLOW_ANY_HOST=true."


def _private(url: str) -> bool:
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
        return host == "localhost" or not ipaddress.ip_address(host).is_global
    except ValueError:
        return False  # a name, or a reference


def _model(params: dict[str, Any]) -> Iterator[Found]:
    for name in _SWITCHED:
        if params.get(name) and params.get(f"{name}Enabled") is False:
            yield "note", "model.switched_off", f"{name} is set and switched off.", f"Set {name}Enabled, or leave it."


def mend(document: Any) -> list[str]:
    """Take away what leads to no component. The document given is changed."""
    body = document["dsl"] if isinstance(document.get("dsl"), dict) else document
    components = body.get("components") or {}
    lost = sum(_kept(each, side, components) for each in components.values() for side in ("downstream", "upstream"))
    graph = body.get("graph") if isinstance(body.get("graph"), dict) else {}
    drawn = {str(each.get("id")) for each in graph.get("nodes") or [] if isinstance(each, dict)}
    if isinstance(edges := graph.get("edges"), list):
        graph["edges"] = [each for each in edges if not isinstance(each, dict) or _ends(each) <= drawn]
        lost = max(lost, len(edges) - len(graph["edges"]))  # an edge stands in both
    return [f"{lost} edge{'s' * (lost > 1)} to or from nothing."] if lost else []


def _ends(edge: dict[str, Any]) -> set[str]:
    return {str(edge.get("source")), str(edge.get("target"))}


def _kept(component: dict[str, Any], side: str, known: dict[str, Any]) -> int:
    targets = component.get(side)
    if not isinstance(targets, list):
        return 0
    component[side] = [each for each in targets if str(each) in known]
    return len(targets) - len(component[side])
