"""What one platform alone trips over stands in the module `rules` beside its dialect, which only the linter loads."""

import importlib
from collections.abc import Iterable
from typing import Any, Protocol, cast

from dsl.dialects import DIALECTS
from dsl.ir import Flow
from dsl.lint.finding import Finding


class Rules(Protocol):
    """What the module `rules` of a dialect offers."""

    def check(self, flow: Flow) -> Iterable[Finding]:
        """What this platform alone trips over, in a flow that was read from one of its files."""

    def mend(self, document: Any) -> list[str]:
        """Set in a document what has one right value only, and say what was done."""

    # Where such a value keeps a file from being read, there is `made_readable(document)` beside, which does the same;
    # and where its files have words for ports of their own, `handle(node, port)`, which gives them.


def rules_of(dialect: str) -> Rules | None:
    """None for the common form: no platform, no trap of its own."""
    return None if dialect == "ir" else cast(Rules, importlib.import_module(f"{DIALECTS[dialect]}.rules"))
