"""The node types of n8n with their versions, as `dsl/n8n/known.json` holds them: read from the packages that make
installs for the tests. `python -m tests.dsl.n8n_types > dsl/n8n/known.json` after another version is pinned.
"""

import json
import sys
from pathlib import Path

from dsl.n8n.tables import AI, BASE, short
from tests.dsl.engines.lane import home
from tests.dsl.engines.n8n_server import VERSION

PACKAGES = {BASE: "n8n-nodes-base", AI: "@n8n/n8n-nodes-langchain"}


def types(modules: Path) -> dict[str, list[float]]:
    """`tables.short` of each type: the versions that n8n runs."""
    found: dict[str, set[float]] = {}
    for prefix, package in PACKAGES.items():
        for each in json.loads((modules / package / "dist/types/nodes.json").read_bytes()):
            version = each["version"]
            found.setdefault(short(prefix + each["name"]), set()).update(
                version if isinstance(version, list) else [version]
            )
    return {name: sorted(found[name]) for name in sorted(found)}


if __name__ == "__main__":
    lines = [
        f"  {json.dumps(name)}: {json.dumps(versions)}"
        for name, versions in types(home(f"n8n-{VERSION}") / "node_modules").items()
    ]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
