"""Plain data to text: JSON, and YAML as PyYAML writes it."""

import datetime
import io
import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import yaml

from dsl import DslError


def dump_json(document: Any, *, indent: int | None = 2) -> str:
    try:
        return json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False, default=_as_written) + "\n"
    except TypeError as error:
        raise DslError(f"The workflow holds a value that JSON has no form for: {error}.") from None


def _as_written(value: Any) -> str:
    """A date, which YAML makes of a word without quotes, is the word in JSON."""
    if isinstance(value, datetime.date):
        return str(value)
    raise TypeError(f"{type(value).__name__} is none of its types")


def dump_yaml(document: Any) -> str:
    """Block style, without aliases, in the order of the data."""
    lines = _Lines(document).text() if isinstance(document, (dict, list)) and document else None
    return lines or _yaml(document)


class Quoted(str):
    """A str that YAML output always puts in quotes: '0.6.0' and '1' must not be read as numbers."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Plain data as YAML events: what `yaml.dump` writes, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def document(self, value: Any) -> None:
        self.emit(yaml.StreamStartEvent())
        self.emit(yaml.DocumentStartEvent(explicit=False))
        self.value(value)
        self.emit(yaml.DocumentEndEvent(explicit=False))
        self.emit(yaml.StreamEndEvent())

    def value(self, value: Any) -> None:
        if isinstance(value, dict):
            self.emit(yaml.MappingStartEvent(None, None, True, flow_style=False))
            self.each(chain.from_iterable(value.items()))
            self.emit(yaml.MappingEndEvent())
        elif isinstance(value, (list, tuple)):
            self.emit(yaml.SequenceStartEvent(None, None, True, flow_style=False))
            self.each(value)
            self.emit(yaml.SequenceEndEvent())
        else:
            self.emit(self.scalar(value))

    def each(self, values: Iterable[Any]) -> None:
        for value in values:
            self.value(value)

    def scalar(self, value: Any) -> yaml.Event:
        """As `represent_data` has it, which looks for the way to represent a plain text longer than it takes."""
        tag, shown, style = _STR, value, None
        if type(value) is not str:
            node = self.represent_data(value)
            tag, shown, style = node.tag, node.value, node.style
        plain = self.resolve(yaml.ScalarNode, shown, (True, False)) == tag
        return yaml.ScalarEvent(None, tag, (plain, tag == _STR), shown, style=style)


_STR = "tag:yaml.org,2002:str"
_Dumper.add_representer(Quoted, lambda dumper, data: dumper.represent_scalar(_STR, str(data), style="'"))


_WIDTH = 2**20


def _yaml(document: Any) -> str:
    stream = io.StringIO()
    _Dumper(stream, allow_unicode=True, width=_WIDTH).document(document)
    return stream.getvalue()


class _Odd(NamedTuple):
    """A word that is no text of one line, by what tells it from all others; `line`: how lines begin around it."""

    kind: type
    shown: str
    line: str


class _Lines:
    """The lines of a document, in which PyYAML writes each different word once: most stand there many times."""

    def __init__(self, document: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> None:
        self.pieces: list[Any] = []  # by turns what stands in front of a word, and the word
        self.odd: dict[_Odd, Any] = {}
        self.keys: set[Any] = set()
        self.inner(document, "", "\n")

    def text(self) -> str | None:
        """None where a word has another form than by itself: keys that are long, lines that PyYAML cuts."""
        words = [*dict.fromkeys(self.pieces[1::2])]
        written = _yaml([self.odd.get(word, word) for word in words])[2:-1].split("\n- ")
        texts = dict(zip(words, written, strict=True))
        if not all(map(_is_short, self.keys)) or any(len(shown) > _WIDTH // 2 for shown in written):
            return None
        texts |= {word: _INDENT.sub(" " * (len(word.line) + 1), texts[word]) for word in self.odd}
        self.pieces[1::2] = [texts[word] for word in self.pieces[1::2]]
        return "".join(self.pieces) + "\n"

    def inner(self, value: Any, lead: str, line: str) -> None:
        """Adds a mapping or a list behind `lead`; all but what is first in it is on lines that begin with `line`."""
        if isinstance(value, dict):
            self.mapping(value, lead, line)
        else:
            self.sequence(value, lead, line)

    def mapping(self, value: dict[Any, Any], lead: str, line: str) -> None:
        self.keys.update(value)
        for key, inner in value.items():
            self.pieces += (lead, key if type(key) is str else self.word(key, line))
            lead = line
            if type(inner) is str and inner.isprintable():
                self.pieces += (": ", inner)
            elif isinstance(inner, dict) and inner:
                self.mapping(inner, f":{line}  ", f"{line}  ")
            elif isinstance(inner, (list, tuple)) and inner:
                self.sequence(inner, f":{line}", line)
            else:
                self.pieces += (": ", self.word(inner, line))

    def sequence(self, value: Sequence[Any], lead: str, line: str) -> None:
        for inner in value:
            if isinstance(inner, (dict, list, tuple)) and inner:
                self.inner(inner, f"{lead}- ", f"{line}  ")
            else:
                self.pieces += (f"{lead}- ", self.word(inner, line))
            lead = line

    def word(self, value: Any, line: str) -> Any:
        if type(value) is str and value.isprintable():
            return value
        odd = _Odd(type(value), str(value), line if isinstance(value, (str, bytes)) else "")
        self.odd[odd] = value
        return odd


_INDENT = re.compile("(?<=[\n\u2028\u2029])  (?! )")  # of a line that goes on with a word, at the left margin


def _is_short(key: Any) -> bool:
    """Whether it is a simple key to libyaml, in front of whose value no `?` is needed."""
    shown = str(key)
    return shown.isprintable() and len(shown.encode("utf-8", "surrogatepass")) <= 128
