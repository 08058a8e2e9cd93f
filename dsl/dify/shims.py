"""Code that is called in another platform's way: generated lines around it, its own bytes in between.

    # flowstill:begin args output=any      the style, and the outputs that are one level deeper
    ...
    # flowstill:end
    async def main(args): ...              as it was written
    # flowstill:begin args
    ...
    # flowstill:end

Read back, the lines go and the code has its style again. Dify calls `main(a, b)` in Python and `main({a, b})` in
JavaScript, takes exactly the declared outputs, and prints what main returns without waiting for it.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from dsl import itemspython, typescript
from dsl.computed import CONTEXT, HANDED, HEAD, RUNS, Fields, of_input, printed
from dsl.dify.expressions import BEGIN, END

STYLES = ("args", "items", "item", "kwargs")
MARKS = {"python3": "#", "javascript": "//"}


@dataclass
class Code:
    """What the lines around code have to know."""

    lang: str
    source: str
    style: str
    inputs: list[str] = field(default_factory=list)  # names of the arguments
    outputs: dict[str, Any] = field(default_factory=dict)  # by name, the fields that are declared below, and so on
    boxed: dict[str, str] = field(default_factory=dict)  # outputs that are one level deeper, with their types
    fields: Fields = field(default_factory=dict)  # n8n: by node, its fields, at the end the name of an argument


def wrapped(code: Code) -> str:
    """The code as Dify calls it."""
    mark = MARKS[code.lang]
    head, tail = (_python if code.lang == "python3" else _javascript)(code)
    boxes = "".join(f" {name}={word}" for name, word in code.boxed.items())
    source = typescript.hidden(code.source) if code.lang == "javascript" and code.style == "args" else code.source
    if code.lang == "python3" and code.style in itemspython.STYLES:
        source = itemspython.indented(source)
    before = f"{mark} {BEGIN} {code.style}{boxes}\n{head}{mark} {END}\n"
    return f"{before}{source}\n{mark} {BEGIN} {code.style}\n{tail}{mark} {END}\n"


def unwrapped(lang: str, source: str) -> tuple[str, str, dict[str, str]] | None:
    """The code itself, its style and its boxed outputs; None when there are no such lines around it."""
    mark = MARKS[lang]
    words = source.partition("\n")[0].split(" ")
    if words[:2] != [mark, BEGIN] or len(words) < 3 or words[2] not in STYLES:
        return None
    _, found, rest = source.partition(f"\n{mark} {END}\n")
    last = rest.rfind(f"\n{mark} {BEGIN} {words[2]}\n")
    if not found or last < 0:
        return None
    own = rest[:last]
    if lang == "javascript" and words[2] == "args":
        own = typescript.shown(own)
    if lang == "python3" and words[2] in itemspython.STYLES:
        own = itemspython.shown(own)
    return own, words[2], dict(pair for word in words[3:] if len(pair := word.split("=")) == 2)


# -- Python


def _python(code: Code) -> tuple[str, str]:
    arguments = ", ".join(code.inputs)
    finish = _PYTHON_FINISH.format(outputs=code.outputs, boxed=list(code.boxed))
    given = "{" + ", ".join(f"{name!r}: {name}" for name in code.inputs) + "}"
    if code.style == "args":
        waits = re.search(r"\bawait\b", code.source) is not None
        return _ARGS, _PYTHON_ARGS.format(
            arguments=arguments, given=given, run=_AWAITED if waits else _SENT, finish=finish
        )
    if code.style == "kwargs":
        named = ", ".join(f"{name}={name}" for name in code.inputs)  # as Dify itself calls main
        return "", _PYTHON_KWARGS.format(arguments=arguments, named=named, finish=finish)
    head = f"\ndef main({arguments}):\n"
    return itemspython.HEAD, itemspython.behind(code.style, code.fields, head, finish)


_PYTHON_FINISH = """    def only(held, keys):
        return {{name: below(held.get(name), inner) for name, inner in keys.items()}}

    def below(value, keys):
        return only(value, keys) if keys and isinstance(value, dict) else value

    result = only(result, {outputs!r})
    return {{name: {{"value": each}} if name in {boxed!r} else each for name, each in result.items()}}
"""
_ARGS = """class Args(dict):
    params = property(lambda self: self)


Output = dict
"""
_SENT = """    if hasattr(result, "send"):
        try:
            result.send(None)
        except StopIteration as done:
            result = done.value
"""
_AWAITED = """    if hasattr(result, "send"):
        import asyncio

        result = asyncio.run(result)
"""
_PYTHON_ARGS = """original_main = main


def main({arguments}):
    result = original_main(Args({given}))
{run}{finish}"""
_PYTHON_KWARGS = """original_main = main


def main({arguments}):
    result = original_main({named})
{finish}"""


# -- JavaScript


def _javascript(code: Code) -> tuple[str, str]:
    items = HANDED if code.style in ("items", "item") else ""
    finish = _FINISH.format(items=items, outputs=json.dumps(code.outputs), boxed=json.dumps(list(code.boxed)))
    waits = "async " if re.search(r"\bawait\b", code.source) else ""
    if code.style in ("args", "kwargs"):
        call = "originalMain({ params: input })" if code.style == "args" else "originalMain(input)"
        return "const originalMain = (() => {\n", f"return main;\n}})();\n{finish}{_MAIN.format(call=call)}"
    head = f"const originalMain = {HEAD}({waits}() => {{\n"
    fields = printed(of_input(code.fields))
    call = RUNS[code.style].replace("run(", "originalMain(")
    call = call if waits else call.removeprefix("Promise.all(").removesuffix(")") if code.style == "item" else call
    main = _MAIN.format(call=f"((x) => {call})(context(input))")
    return head, f"}})();\n{CONTEXT.format(fields=fields)}{finish}{main}"


_FINISH = """function finish(result) {{
{items}  result = result ?? {{}};
  const boxed = {boxed};
  const only = (held, keys) =>
    Object.fromEntries(Object.entries(keys).map(([name, inner]) => [name, below(held[name] ?? null, inner)]));
  const isObject = (value) => value && typeof value === "object" && !Array.isArray(value);
  const below = (value, keys) => (Object.keys(keys).length && isObject(value) ? only(value, keys) : value);
  const pairs = Object.entries(only(result, {outputs}));
  return Object.fromEntries(pairs.map(([name, value]) => [name, boxed.includes(name) ? {{ value }} : value]));
}}
"""
_MAIN = """function main(input) {{
  const result = {call};
  if (!(result instanceof Promise)) return finish(result);
  const print = console.log; // nothing is printed before the promise is kept
  console.log = () => {{}};
  result.then((value) => print("<<RESULT>>" + JSON.stringify(finish(value)) + "<<RESULT>>"));
}}
"""
