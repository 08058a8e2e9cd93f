"""Files from strangers: bytes to plain data, in bounded time and memory, or one clear DslError."""

import bisect
import json
import math
import re
import sys
from collections import Counter
from typing import Any, NoReturn

import yaml

from dsl import DslError

MAX_BYTES = 20 * 2**20  # Dify takes 10 MiB
MAX_DEPTH = 200
MAX_VALUES = 2_000_000  # with every alias followed
MAX_DIGITS = 1_000  # of a number in YAML, above which it is text: what it costs grows with their square


def text(data: bytes | str, most: int = MAX_BYTES) -> str:
    """What a file says; `most`: bytes that it may have."""
    if not isinstance(data, (bytes, bytearray, str)):
        raise DslError(f"A file's contents are wanted, as bytes or text, and not {type(data).__name__}.")
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > most:
        raise DslError(f"The file has {len(data) / 2**20:.0f} MB; a workflow of more than {most >> 20} MB is none.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DslError(f"The file is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}.") from None


def load(source: str) -> Any:
    """JSON or YAML. DslError with line and column when it is neither, or does harm."""
    start = source.lstrip()[:1]
    if start in ("{", "["):
        try:
            return load_json(source)
        except DslError as error:
            if '"' in source[:200]:  # JSON is YAML too, but nobody writes YAML that way
                raise error
    return load_yaml(source)


def load_json(source: str) -> Any:
    try:
        document = json.loads(
            source, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
    except RecursionError:
        raise DslError(f"The JSON is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        raise DslError(f"This is not JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from None
    except ValueError as error:  # a number of thousands of digits
        raise DslError(f"This is not JSON that can be kept: {error}.") from None
    _check_depth(document)
    if "\\ud" in source.lower():
        _check_characters(document)
    return document


def _check_characters(document: Any) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DslError(f"The text {error.object[error.start : error.end]!r} is half a character.") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise DslError(f"The key {twice!r} stands twice in one object: one of the two would be lost.")
    return result


def _constant(name: str) -> NoReturn:
    raise DslError(f"{name} is no JSON number.")


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise DslError(_TOO_LARGE.format(digits[:40]))
    return value


def _int(digits: str) -> int:
    value = int(digits)
    if len(digits) > _DIGITS and abs(value) > sys.float_info.max:
        raise DslError(_TOO_LARGE.format(f"{digits[:40]}..."))
    return value


_TOO_LARGE = "The number {} is too large to be kept."
_DIGITS = sys.float_info.max_10_exp  # of a whole number that a float holds for sure: places are read as floats


def _check_depth(document: Any) -> None:
    """json.loads stops at Python's own limit only, which what comes after it would hit."""
    level, depth = [document] if isinstance(document, (dict, list)) else [], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise DslError(f"The file is nested deeper than {MAX_DEPTH} levels.")
        level = [
            inner
            for value in level
            for inner in (value.values() if type(value) is dict else value)
            if type(inner) is dict or type(inner) is list
        ]


class _Builder:
    """Plain data from YAML events: PyYAML's own loader follows any depth, lets keys stand twice, shares aliases."""

    def __init__(self, source: str) -> None:
        self.yaml: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(source)
        self.event = self.yaml.get_event
        self.telling = self.yaml.yaml_implicit_resolvers  # by how they begin, words that may be no text
        self.words: dict[str, Any] = {}  # without quotes, and what they mean: most stand there many times
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.values = 0
        self.unfolded = 0  # characters that aliases stand for

    def document(self) -> Any:
        self.event()  # the start of the stream
        if isinstance(self.event(), yaml.StreamEndEvent):
            raise DslError("The file is empty.")
        value = self.value(self.event(), 0)
        self.event()
        if not isinstance(after := self.event(), yaml.StreamEndEvent):
            raise self.error(after, "a second YAML document begins; a workflow file holds one")
        return value

    def value(self, event: Any, depth: int) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.too_many(event)
        if type(event) is yaml.ScalarEvent and event.tag is None and event.anchor is None:  # as most are
            if not event.implicit[0]:
                return event.value
            if event.value in self.words:
                return self.words[event.value]
        return self.composed(event, depth)

    def composed(self, event: Any, depth: int) -> Any:
        before = self.values
        made: Any
        if isinstance(event, yaml.ScalarEvent):
            made = self.scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        elif depth > MAX_DEPTH:
            raise self.error(event, f"the file is nested deeper than {MAX_DEPTH} levels")
        elif event.tag not in _PLAIN:
            raise self.error(event, f"the tag {event.tag} is not for workflow files")
        elif isinstance(event, yaml.SequenceStartEvent):
            made = []
            while not isinstance(item := self.event(), yaml.SequenceEndEvent):
                made.append(self.value(item, depth + 1))
        else:
            made = self.mapping(depth)
        if event.anchor:
            self.anchors[event.anchor] = made, self.values - before + 1
        return made

    def mapping(self, depth: int) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        next_event, value = self.event, self.value
        while type(event := next_event()) is not yaml.MappingEndEvent:
            key = value(event, depth + 1)
            if type(key) is dict or type(key) is list:
                raise self.error(event, "a list or mapping cannot be a key")
            if key in made:
                raise self.error(event, f"the key {key!r} stands twice: one of the two would be lost")
            made[key] = value(next_event(), depth + 1)
        return _merged(made) if "<<" in made else made

    def alias(self, event: yaml.AliasEvent) -> Any:
        if event.anchor not in self.anchors:
            raise self.error(event, f"nothing is called &{event.anchor} that *{event.anchor} could mean")
        value, size = self.anchors[event.anchor]
        self.values += size
        if self.values > MAX_VALUES:
            raise self.too_many(event)
        self.unfolded += _length(value)
        if self.unfolded > MAX_BYTES:
            raise self.error(event, f"its aliases stand for more than {MAX_BYTES >> 20} MB of text")
        return _copy(value)

    def scalar(self, event: yaml.ScalarEvent) -> Any:
        """A word without quotes means what it looks like; one in quotes, or with the tag `!`, is text."""
        if event.tag not in (None, "!"):
            return self.tagged(event, event.tag)
        if not event.implicit[0]:
            return event.value
        if event.value not in self.words:
            self.words[event.value] = self.meant(event) if event.value[:1] in self.telling else event.value
        return self.words[event.value]

    def meant(self, event: yaml.ScalarEvent) -> Any:
        return self.tagged(event, self.yaml.resolve(yaml.ScalarNode, event.value, (True, False)))

    def tagged(self, event: yaml.ScalarEvent, tag: str) -> Any:
        if tag in _AS_TEXT or (tag in _SCALARS and len(event.value) > MAX_DIGITS):
            return event.value
        if tag not in _SCALARS:
            raise self.error(event, f"the tag {tag} is not for workflow files")
        try:
            value = self.yaml.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, LookupError, AttributeError, yaml.YAMLError):
            return event.value  # looks like a date or a number and is none
        if isinstance(value, (int, float)) and not abs(value) <= sys.float_info.max:
            raise self.error(event, f"{event.value[:40]} is no number that can be kept")
        return value

    def too_many(self, event: yaml.Event) -> DslError:
        return self.error(event, f"the file holds more than {MAX_VALUES:,} values")

    def error(self, event: yaml.Event, message: str) -> DslError:
        mark: Any = event.start_mark
        return DslError(f"Line {mark.line + 1}, column {mark.column + 1}: {message}.")


def _merged(mapping: dict[Any, Any]) -> dict[Any, Any]:
    """`<<: *defaults` and `<<: [*one, *other]` as YAML 1.1 means them: what stands in the mapping itself wins."""
    bases = mapping["<<"] if isinstance(mapping["<<"], list) else [mapping["<<"]]
    if not all(isinstance(base, dict) for base in bases):
        return mapping
    below = {key: value for base in reversed(bases) for key, value in base.items()}
    return below | {key: value for key, value in mapping.items() if key != "<<"}


_STR = "tag:yaml.org,2002:str"
_PLAIN = {None, "!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}
_AS_TEXT = {_STR, "tag:yaml.org,2002:value", "tag:yaml.org,2002:merge"}
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp")}


def _length(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_length(key) + _length(inner) for key, inner in value.items())
    return sum(map(_length, value)) if isinstance(value, list) else len(value) if isinstance(value, str) else 1


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def load_yaml(source: str) -> Any:
    try:
        return _Builder(source).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise DslError(f"This is not YAML:{place} {error.problem or error}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DslError(f"This is not YAML: {' '.join(str(error).split())[:200]}.") from None


def comments(source: str) -> int:
    """How many comments a file in YAML holds: the signs for one that stand in no value."""
    values = []
    try:
        for token in yaml.scan(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(token, yaml.ScalarToken):
                values.append((token.start_mark.index, token.end_mark.index))
    except yaml.YAMLError:
        return 0
    signs = [match.start(1) for match in re.finditer(r"(?:^|\s)(#)", source, re.M)]
    ends = [start for start, _ in values]
    inside = (bisect.bisect_right(ends, sign) - 1 for sign in signs)
    return sum(place < 0 or values[place][1] <= sign for place, sign in zip(inside, signs, strict=True))
