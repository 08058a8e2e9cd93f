"""The node types of n8n with their versions, as `dsl/n8n/known.json` holds them: read from the packages that make
installs for the tests. `python -m tests.dsl.n8n_types > dsl/n8n/known.json` after another version is pinned.
"""

import functools
import json
import operator
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsl.n8n.tables import AI, BASE, short
from tests.dsl.engines.lane import home
from tests.dsl.engines.n8n_server import VERSION

PACKAGES = {BASE: "n8n-nodes-base", AI: "@n8n/n8n-nodes-langchain"}
COMPARE = {"eq": operator.eq, "gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt}


@functools.cache
def descriptions(modules: Path) -> list[tuple[str, dict[str, Any]]]:
    """`tables.short` of each type with what its package says of it; a type may stand twice, with other versions."""
    return [
        (short(prefix + each["name"]), each)
        for prefix, package in PACKAGES.items()
        for each in json.loads((modules / package / "dist/types/nodes.json").read_bytes())
    ]


def types(modules: Path) -> dict[str, list[float]]:
    """`tables.short` of each type: the versions that n8n runs."""
    found: dict[str, set[float]] = {}
    for name, each in descriptions(modules):
        found.setdefault(name, set()).update(_versions(each))
    return {name: sorted(found[name]) for name in sorted(found)}


def _versions(description: dict[str, Any]) -> list[float]:
    version = description["version"]
    return version if isinstance(version, list) else [version]


def sides(modules: Path) -> Iterator[tuple[str, float, int, int]]:
    """How many inputs and outputs on the way each version of a type has, where that depends on no parameter."""
    for name, each in descriptions(modules):
        if isinstance(each["inputs"], list) and isinstance(each["outputs"], list):
            into, out = (
                sum((one if isinstance(one, str) else one["type"]) == "main" for one in each[side])
                for side in ("inputs", "outputs")
            )
            if into and not name.endswith("Tool"):
                yield from ((name, version, into, out) for version in _versions(each))


Shown = frozenset[tuple[str, frozenset[str]]]


def required(modules: Path, name: str, version: float) -> set[tuple[str, Shown]]:
    """The parameters that have no value until someone gives them one, with the values of others that call for them."""
    found = set()
    properties = [
        each
        for other, described in descriptions(modules)
        if other == name and version in _versions(described)
        for each in described["properties"]
    ]
    for each in properties:
        shown = dict(each.get("displayOptions", {}).get("show", {}))
        if each.get("required") and _blank(each.get("default")) and _of(version, shown.pop("@version", None)):
            when = frozenset((other.lstrip("/"), frozenset(values)) for other, values in shown.items())
            found.add((each["name"], when))
    return found


def _blank(default: Any) -> bool:
    """A resource to choose has its value inside."""
    value = default.get("value") if isinstance(default, dict) and "mode" in default else default
    return isinstance(value, str) and not value.strip()


def _of(version: float, wanted: list[Any] | None) -> bool:
    """Whether a version is among those that a parameter is shown for."""
    return wanted is None or any(
        COMPARE[how](version, bound)
        for each in wanted
        for how, bound in (each["_cnd"] if isinstance(each, dict) else {"eq": each}).items()
    )


if __name__ == "__main__":
    lines = [
        f"  {json.dumps(name)}: {json.dumps(versions)}"
        for name, versions in types(home(f"n8n-{VERSION}") / "node_modules").items()
    ]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
