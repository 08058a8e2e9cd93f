"""Templates: RAGFlow puts a name in place of each reference, Jinja renders what there is, and the names that are left
become values, wherever they stand: of `a_b` and `a_bc` the first is found in the second."""

import re
from collections.abc import Callable, Collection, Mapping

from dsl.ir import Ref, Script, Value
from dsl.ragflow.text import NAME, Find, read_exact
from dsl.steps import plain
from dsl.values import parts, text

_REFERENCE = re.compile(rf"\{{({NAME}|item|index)\}}", re.IGNORECASE)
# A tag that is never closed ends at the next that opens: a text of openings costs no more than its length.
_TAG = re.compile(r"(\{%(?:(?!\{%).)*?%\}|\{\{(?:(?!\{\{).)*?\}\}|\{#(?:(?!\{#).)*?#\})", re.DOTALL)


# -- words with references alone

_OPENING = re.compile(r"\{\{|\{%|\{#|\{\Z")
_ESCAPED = re.compile(r"\{\{ '(\{\{|\{%|\{#|\{)' \}\}")
_PRINTED = re.compile(rf"\{{\{{ *\{{({NAME}|item|index)\}} *\}}\}}", re.IGNORECASE)
_KEPT = {sign: f"\0{i}\0" for i, sign in enumerate(("{{", "{%", "{#", "{"))}  # while tags are looked for


def is_template(source: str) -> bool:
    """Whether RAGFlow takes a text for a template."""
    lines = (line.partition("{%")[2] for line in source.split("\n"))
    return "{{" in source or "}}" in source or any("%}" in rest for rest in lines)


def called(name: str) -> str:
    """What RAGFlow calls a reference in a template."""
    return re.sub("[@:.]", "_", name)


def clash(names: Collection[str]) -> bool:
    """Whether one of the references would be found in another."""
    made = {called(name) for name in names}
    return any(one != other and one in other for one in made for other in made)


def printed(value: Value, names: Mapping[Ref, str]) -> str:
    """Words with references as a template that prints them."""
    said = [_tag_of(part, names) for part in parts(value)]
    return "".join(said) + ("\n" if said[-1:] and said[-1].endswith("\n") else "")  # Jinja leaves out the last


def _tag_of(part: "str | Ref | Script", names: Mapping[Ref, str]) -> str:
    if isinstance(part, Ref):
        return "{{ {" + names[part] + "} }}"
    return _OPENING.sub(r"{{ '\g<0>' }}", part.source if isinstance(part, Script) else part)


def words(source: str, find: Find) -> Value | None:
    """What a text prints that names values alone; None where there is more logic in it."""
    source = (source.removesuffix("\n") if is_template(source) else source).replace("\0", "")
    kept = _ESCAPED.sub(lambda match: _KEPT[match[1]], _PRINTED.sub(r"{\1}", source))
    if len(_TAG.split(kept)) > 1:
        return None
    said = read_exact(kept, find)
    return text([_shown(part) if isinstance(part, str) else part for part in parts(said)])


def _shown(part: str) -> str:
    for sign, mark in _KEPT.items():
        part = part.replace(mark, sign)
    return part


# -- logic


def read(source: str, find: Find) -> tuple[Script, dict[str, Value]]:
    """The template, and what it calls by name."""
    inputs: dict[str, Value] = {}

    def named(match: "re.Match[str]") -> str:
        ref = find(match[1])
        if not isinstance(ref, Ref):
            return match[0]
        name = called(match[1])
        inputs[name] = ref
        return f"\0{name}\0"

    pieces = _TAG.split(_REFERENCE.sub(named, source.replace("\0", "")))
    # Between tags a name stands for its value; in them it is Jinja's own.
    outside = [re.sub("\0(.*?)\0", r"{{ \1 }}", piece) for piece in pieces[::2]]
    inside = [piece.replace("\0", "") for piece in pieces[1::2]]
    made = [part for both in zip(outside, [*inside, ""], strict=True) for part in both]
    return Script("jinja2", "".join(made)), inputs


def write(script: Script, inputs: dict[str, Value], name: Callable[[Ref], str]) -> str:
    """A template that was read from RAGFlow, with its references again."""
    called = {key: name(value) for key, value in inputs.items() if isinstance(value, Ref)}
    if not called:
        return script.source
    words = "|".join(map(re.escape, sorted(called, key=len, reverse=True)))
    printed = re.sub(rf"\{{\{{ ({words}) \}}\}}", lambda match: "{" + called[match[1]] + "}", script.source)

    def back(match: "re.Match[str]") -> str:
        return re.sub(rf"\b(?<!\{{)({words})\b", lambda word: "{" + called[word[1]] + "}", match[0])

    return _TAG.sub(back, printed)


# a quoted text, or a name that is no field (`.x`); before the name, what makes it a filter (`|x`)
_WORD = re.compile(r"""("[^"]*"|'[^']*')|(\|\s*)?(?<![\w.])([A-Za-z_]\w*)""")


def translated(
    script: Script, inputs: dict[str, Value], name: Callable[[Ref], str], is_text: Callable[[Ref], bool]
) -> str | None:
    """A template of another platform; None where its logic takes more than texts: RAGFlow hands nothing else in."""
    pieces = _TAG.split(script.source)
    if any(sign in piece for piece in pieces[::2] for sign in ("{{", "{%", "{#")) or "{% raw" in script.source:
        return None
    texts = {key: name(value) for key, value in inputs.items() if isinstance(value, Ref) and is_text(value)}
    tags = [_tag(each, inputs, texts, name) for each in pieces[1::2]]
    made = [part for both in zip(pieces[::2], [*tags, ""], strict=True) for part in both]
    return None if None in made else "".join(map(str, made))


def _tag(source: str, inputs: dict[str, Value], texts: dict[str, str], name: Callable[[Ref], str]) -> str | None:
    """A tag with references in place of names."""
    printed = plain(source, inputs)
    if printed is not None:  # it stays in its tag: of bare names RAGFlow takes one for the beginning of another
        return "".join("{{ {" + name(part) + "} }}" if isinstance(part, Ref) else str(part) for part in parts(printed))
    names = [match[3] for match in _WORD.finditer(source) if match[3] in inputs and not match[2]]
    if not source.startswith("{#") and any(each not in texts for each in names):
        return None

    def back(match: "re.Match[str]") -> str:
        return match[0] if match[2] or match[3] not in texts else "{" + texts[match[3]] + "}"

    return _WORD.sub(back, source)
