"""Code whose outputs are called otherwise on its platform: lines around it give what it returns the new names.

    # flowstill:begin names {"die-frage": "die_frage"}
    ...
    # flowstill:end
    def main(q): ...                       as it was written
    # flowstill:begin names
    ...
    # flowstill:end

The code is called as it was before. Where the flow goes on to another platform the lines go, and the names are the old
ones again.
"""

import json
import re
from collections.abc import Callable

from dsl import DslError
from dsl.itemspython import STYLES, indented, shown
from dsl.load import load_json

Names = dict[str, str]  # what outputs are called on the platform, by what the code calls them
_MARKS = {"python3": "#", "javascript": "//"}


def wrapped(lang: str, style: str, source: str, names: Names) -> str:
    """The code with lines around it; as it is where it is in no way that is known."""
    lines = _LINES.get((lang, style))
    if lines is None:
        return source
    head, tail = lines(source, names)
    begin, end = (f"{_MARKS[lang]} flowstill:{word}" for word in ("begin names", "end"))
    own = indented(source) if lang == "python3" and style in STYLES else source
    return f"{begin} {json.dumps(names, ensure_ascii=False)}\n{head}{end}\n{own}\n{begin}\n{tail}{end}\n"


def unwrapped(lang: str, style: str, source: str) -> tuple[Names, str] | None:
    """The names, and the code itself; None where there are no such lines around it."""
    begin, end = (f"{_MARKS.get(lang, '#')} flowstill:{word}" for word in ("begin names", "end"))
    first, _, rest = source.partition("\n")
    _, found, rest = rest.partition(f"{end}\n")
    own, last, tail = rest.rpartition(f"\n{begin}\n")
    if not (first.startswith(f"{begin} ") and found and last and tail.rstrip("\n").endswith(end)):
        return None
    try:
        names = load_json(first.removeprefix(f"{begin} "))
    except DslError:
        return None
    if not isinstance(names, dict) or not all(isinstance(each, str) for each in names.values()):
        return None
    return names, shown(own) if lang == "python3" and style in STYLES else own


# -- code that is a function `main`


def _python(source: str, names: Names) -> tuple[str, str]:
    runs, waits = ("async ", "await ") if re.search(r"\basync\s+def\s+main\b", source) else ("", "")
    return "", _PYTHON.format(names=names, runs=runs, waits=waits)


def _javascript(source: str, names: Names) -> tuple[str, str]:
    return "const __called = (() => {\n", _JAVASCRIPT.format(names=json.dumps(names, ensure_ascii=False))


_PYTHON = """__called = main
__names = {names!r}


{runs}def main(*args, **given):
    made = {waits}__called(*args, **given)
    return {{__names.get(name, name): each for name, each in made.items()}} if isinstance(made, dict) else made
"""
_JAVASCRIPT = """return main;
}})();
const __names = {names};
function main(given) {{
  const pairs = (made) => Object.entries(made ?? {{}}).map(([name, each]) => [__names[name] ?? name, each]);
  const named = (made) => Object.fromEntries(pairs(made));
  const made = __called(given);
  return made instanceof Promise ? made.then(named) : named(made);
}}
"""

# -- code of n8n, which is the inside of a function and gives out items with fields of any name


def _python_items(source: str, names: Names) -> tuple[str, str]:
    return "def made():\n", _PYTHON_ITEMS.format(names=names)


def _javascript_items(source: str, names: Names) -> tuple[str, str]:
    waits, runs = ("await ", "async ") if re.search(r"\bawait\b", source) else ("", "")
    return f"const made = {waits}({runs}() => {{\n", _JAVASCRIPT_ITEMS.format(
        names=json.dumps(names, ensure_ascii=False)
    )


_PYTHON_ITEMS = """made = made()
called = {names!r}
def renamed(each):
    json = each["json"] if "json" in each else each
    return {{"json": {{**json, **{{to: json.get(name) for name, to in called.items()}}}}}}
return [renamed(each) for each in made] if isinstance(made, list) else renamed(made or {{}})
"""
_JAVASCRIPT_ITEMS = """}})();
const called = Object.entries({names});
const renamed = (each) => {{
  const json = each?.json ?? each;
  return {{ json: {{ ...json, ...Object.fromEntries(called.map(([name, to]) => [to, json?.[name]])) }} }};
}};
return Array.isArray(made) ? made.map(renamed) : renamed(made);
"""
_LINES: dict[tuple[str, str], Callable[[str, Names], tuple[str, str]]] = {
    ("python3", "args"): _python,
    ("python3", "kwargs"): _python,
    ("javascript", "args"): _javascript,
    ("javascript", "kwargs"): _javascript,
    ("python3", "items"): _python_items,
    ("python3", "item"): _python_items,
    ("javascript", "items"): _javascript_items,
    ("javascript", "item"): _javascript_items,
}
