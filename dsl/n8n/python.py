"""Python on n8n: it sees the item that comes in and no other node, so a step before it puts its inputs there.

n8n runs it in a task runner of its own (https://docs.n8n.io/build/code-in-n8n/using-the-code-node), as the body of a
function, by default without imports, classes and `getattr`: nothing here needs them.

# flowstill:begin <style> <JSON>    what of the node is no value
# flowstill:end
<the node's own source>
# flowstill:begin call
<what calls its main>
# flowstill:end
"""

import ast
import json
import re
from typing import TYPE_CHECKING

from dsl.ir import Node
from dsl.n8n import shims, text
from dsl.n8n.source import Raw

if TYPE_CHECKING:
    from dsl.n8n.build import Builder
    from dsl.n8n.read import Reader

ROLE = "arguments"  # of the step before
_BEGIN, _END = "# flowstill:begin ", "# flowstill:end"
_CALL = f"\n{_BEGIN}call\n"
_HEAD = re.compile(rf"{_BEGIN}(kwargs|args)(?: ([^\n]*))?\n(?:[^\n]*\n)?{_END}\n")
_GIVEN = "return [{ json: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, value ?? null])) }];"
_KWARGS = 'return [{"json": main(**_items[0]["json"])}]'
_ARGS = """def args():
    pass
args.params = _items[0]["json"]
"""
_AWAITED = """run = main(args)
try:
    run.send(None)
except StopIteration as done:
    return [{"json": done.value}]
raise RuntimeError("This code waits for something, which n8n has no event loop for.")"""


def write(builder: "Builder", node: Node, inputs: dict[str, str]) -> None:
    """`inputs`: JavaScript by name."""
    given = {"language": "javaScript", "jsCode": shims.written(shims.Shim(ROLE, {}, inputs), _GIVEN)}
    name = builder.entries[node.id] = builder.helper(node, ROLE, "code", given, -0.5, -0.5)
    builder.connect(name, builder.names[node.id])
    builder.add(node, "code", {"language": "pythonNative", "pythonCode": _code(node)}, role="python")
    needed = _imports(node.params.get("source", ""))
    told = f" and {', '.join(needed)} in N8N_RUNNERS_STDLIB_ALLOW or N8N_RUNNERS_EXTERNAL_ALLOW" if needed else ""
    message = f"n8n runs Python in a task runner of its own: it needs one{told}, else the node fails."
    builder.note(
        node, "needs_binding", "code.runner", message, "Set up n8n's runners image, or write it in JavaScript."
    )


def _code(node: Node) -> str:
    style, source = node.params.get("style", "kwargs"), node.params.get("source", "")
    declared = {name: shims.type_name(type_) for name, type_ in node.outputs.items()}
    head = f"{_BEGIN}{style} {json.dumps({'outputs': declared})}\n"
    head += "Args = Output = dict\n" if style == "args" else ""
    return f"{head}{_END}\n{source}{_CALL}{_call(style, source)}\n{_END}\n"


def _call(style: str, source: str) -> str:
    if style == "kwargs":
        return _KWARGS
    waits = re.search(r"^async +def +main\b", source, re.MULTILINE)
    return _ARGS + (_AWAITED if waits else 'return [{"json": main(args)}]')


def _imports(source: str) -> list[str]:
    """The modules that the code imports; none where it is no Python at all."""
    try:
        found = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = [alias.name for each in found if isinstance(each, ast.Import) for alias in each.names]
    names += [each.module for each in found if isinstance(each, ast.ImportFrom) and each.module and not each.level]
    return sorted({name.partition(".")[0] for name in names})


def parsed(raw: Raw) -> shims.Shim | None:
    """Style, facts and source of what `write` wrote."""
    code = raw.params.get("pythonCode")
    if not isinstance(code, str):
        return None
    head = _HEAD.match(code)
    if head is None or not code.endswith(f"\n{_END}\n") or _CALL not in code:
        return None
    try:
        facts = json.loads(head[2] or "{}")
    except ValueError:
        return None
    source = code[head.end() :].rpartition(_CALL)[0]
    return shims.Shim(head[1], facts, source=source) if isinstance(facts, dict) else None


def made(reader: "Reader", raw: Raw) -> tuple[shims.Shim, shims.Shim, Raw] | None:
    """What a node and the step before it hold, as long as both are what `write` wrote."""
    shim, before = parsed(raw), reader.parts.get(raw.id, {}).get(ROLE, [])
    code = before[0].params.get("jsCode") if len(before) == 1 else None
    given = shims.parsed(code) if isinstance(code, str) else None
    return (shim, given, before[0]) if shim and given and given.role == ROLE else None


def read(reader: "Reader", raw: Raw, node: Node) -> bool:
    """Whether the node was made by `write`; then its inputs are those of the step before it."""
    found = made(reader, raw)
    if found is None:
        return False
    shim, given, before = found
    declared = shim.facts.get("outputs")
    node.kind, node.params = "code", {"lang": "python3", "source": shim.source, "style": shim.role}
    node.outputs = {str(k): shims.type_of(v) for k, v in declared.items()} if isinstance(declared, dict) else {}
    node.inputs = {name: text.javascript(source, reader.resolve(before)) for name, source in given.inputs.items()}
    return True
