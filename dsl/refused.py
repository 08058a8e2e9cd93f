"""A file that cannot be read as it stands: each value that is in the way is a finding, not the first alone."""

import re
from collections.abc import Iterable
from typing import Any

from dsl import DslError, OptionError, recognised
from dsl.dialects import named
from dsl.ir import Flow
from dsl.lint import Finding, check, rules_of
from dsl.values import at, pointer, steps

_PLACED = re.compile(r"(/.*?): (.*)", re.DOTALL)
_MOST = 50


def refusals(data: bytes | str, dialect: str | None = None) -> list[Finding]:
    """What keeps the file from being read, and what else is wrong in it; OptionError: a dialect that does not exist.

    A value that is refused is taken away to see what comes behind it; nothing is said of what it stood in.
    """
    try:
        name, document = recognised(data, dialect)
    except OptionError:
        raise
    except DslError as error:
        return [_refused(error)]
    found: dict[str, Finding] = {}
    while len(found) < _MOST and named(name).sniff(document):
        try:
            flow = named(name).read(document)
        except DslError as error:
            each = _refused(error)
            found.setdefault(each.pointer, each)  # what was taken away may be missed there
            if not _taken_away(document, each.pointer):
                break
        else:
            return [*found.values(), *(each for each in check(flow) if not _around(each.pointer, found))]
    return list(found.values())


def made_readable(data: bytes | str, dialect: str | None = None) -> tuple[Flow, list[str]]:
    """The flow of a file after what has one right value only was set, and what was; DslError: it is refused still."""
    name, document = recognised(data, dialect)
    set_right = getattr(rules_of(name), "made_readable", None)
    done: list[str] = set_right(document) if set_right else []
    return named(name).read(document), done


def _refused(error: DslError) -> Finding:
    placed = _PLACED.fullmatch(str(error))
    place, message = placed.groups() if placed else ("", str(error))
    return Finding("error", "file.refused", message[:1].upper() + message[1:], place)


def _taken_away(document: Any, place: str) -> bool:
    """Whether there was something. Elements of lists stay: those behind them would get other places."""
    try:
        *above, last = steps(place)
        parent = at(document, pointer(*above))
    except (LookupError, ValueError, TypeError):
        return False
    return isinstance(parent, dict) and parent.pop(last, None) is not None


def _around(place: str, refused: Iterable[str]) -> bool:
    return bool(place) and any(each.startswith(f"{place}/") for each in refused)
