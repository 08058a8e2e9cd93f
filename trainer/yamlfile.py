"""YAML as people write it: a key that stands twice and aliases that grow without end are errors, not surprises."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from trainer import TrainError

MOST = 1_000_000  # characters, aliases written out; whoever reads the result walks all of it
DEEPEST = 50  # levels; below that Python's own stack gives way
DIGITS = 4300  # of a number; Python reads none that is longer
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_NO_TEXT = re.compile(r"[\0\ud800-\udfff]")  # what an escape may name, but neither a file name nor UTF-8 can hold
A_NODE = 10  # what a list, a mapping or an empty text counts at least, in characters

TOO_LARGE = f"too large: more than {MOST:,} characters once its aliases (*) are written out."
TOO_DEEP = f"nested deeper than {DEEPEST} levels. Does an alias (*) stand below its own anchor (&)?"


def read(path: Path) -> Any:
    """What stands in the file; FileNotFoundError, else TrainError naming file and line. Shows no line: see `_said`."""
    try:
        return _parsed(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise
    except RecursionError:
        raise TrainError(f"{path}: {TOO_DEEP}") from None
    except yaml.MarkedYAMLError as error:
        raise TrainError(f"{path}: not readable as YAML: {_said(error)}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TrainError(f"{path}: line {line} is not UTF-8. Save the file in that encoding.") from None
    except OSError as error:
        raise TrainError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: the 45th of May
        raise TrainError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None


class _Loader(yaml.SafeLoader):
    """YAML without three surprises: see its methods, and `_plain_number`."""

    def fetch_more_tokens(self) -> None:
        """Stop at the first bracket or indent too deep: PyYAML's time grows with the square of the open ones."""
        if self.flow_level + len(self.indents) > DEEPEST + 1:
            raise RecursionError
        super().fetch_more_tokens()

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        """Leave 1:30 a text, as YAML 1.2 does: to PyYAML it is 90, counted in sixties."""
        tag: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        sixties = kind is yaml.ScalarNode and tag in _NUMBERS and ":" in value
        return str(self.DEFAULT_SCALAR_TAG) if sixties else tag


def _plain_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    """010 is ten, as in YAML 1.2: to PyYAML it is 8, counted in eights."""
    if len(node.value) > DIGITS and re.fullmatch(r"[-+]?[\d_]+", node.value):
        raise ValueError(f"a number of {len(node.value):,} digits in line {node.start_mark.line + 1}")
    node.value = re.sub(r"^([-+]?)0+(?=\d)", r"\1", node.value)
    return loader.construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _plain_number)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?0[0-9]+$"), list("-+0"))  # 08, too


def _parsed(text: str, where: str) -> Any:
    if len(text) > MOST:
        raise TrainError(f"{where}: {TOO_LARGE}")
    loader = _Loader(text)
    try:
        if (root := loader.get_single_node()) is None:
            return None
        _check(root, where)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _check(root: yaml.Node, where: str) -> None:
    size = 0
    for key, depth, node in _nodes(root):
        size += max(A_NODE, len(node.value))
        if size > MOST:
            raise TrainError(f"{where}: {TOO_LARGE}")
        if depth > DEEPEST:
            raise TrainError(f"{where}: {TOO_DEEP}")
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, key, where)
        elif isinstance(node, yaml.ScalarNode) and (sign := _NO_TEXT.search(node.value)):
            raise TrainError(f"{where}: {key}: {sign[0]!a} in line {node.start_mark.line + 1} is no character.")


def _nodes(node: yaml.Node, key: str = "", depth: int = 0) -> Iterator[tuple[str, int, yaml.Node]]:
    """The node and all below it, as often as aliases name them. Endless where an alias names itself."""
    yield key, depth, node
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _nodes(value, _joined(key, name), depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _nodes(value, f"{key}[{number}]", depth + 1)


def _check_keys(node: yaml.MappingNode, key: str, where: str) -> None:
    """PyYAML lets the last of two equal keys win without a word."""
    lines: dict[tuple[str, str], int] = {}
    for name, _ in node.value:
        # `<<` may stand twice: it sets no key of its own.
        if not isinstance(name, yaml.ScalarNode) or name.tag == "tag:yaml.org,2002:merge":
            continue
        same, line = (name.tag, name.value), name.start_mark.line + 1
        if first := lines.get(same):
            both = f"both in line {line}" if first == line else f"in lines {first} and {line}"
            twice = f"{_joined(key, name)} stands twice, {both}"
            raise TrainError(f"{where}: {twice}: only the last would count. Keep one of them.")
        lines[same] = line


def _joined(key: str, name: yaml.Node) -> str:
    step = str(name.value) if isinstance(name, yaml.ScalarNode) else "?"
    return f"{key}.{step}" if key else step


def _said(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's words and where, without the line it quotes and the names it read: a password may stand there."""
    parts = [(error.context, error.context_mark), (error.problem, error.problem_mark)]
    said = [
        text + (f" in line {mark.line + 1}, column {mark.column + 1}" if mark else "") for text, mark in parts if text
    ]
    return re.sub(r"(alias|anchor|tag|handle) '.*?'", r"\1", ": ".join(said))
