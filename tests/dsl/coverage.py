"""How much of the real workflows every platform can hold: `python -m tests.dsl.coverage > dsl/COVERAGE.md`."""

import sys
from collections import Counter
from pathlib import Path

import dsl
from dsl.notes import SEVERITIES
from dsl.report import severities
from dsl.values import walk
from tests.dsl.corpus import FOLDERS, SHARED, paths

Table = dict[tuple[str, str], dict[str, Counter[str]]]  # (from, to) -> kind -> severity -> nodes


def table() -> Table:
    result: Table = {}
    for source in FOLDERS:
        for path in paths(source):
            flow = dsl.read(path.read_bytes())
            kinds = {node.id: node.kind for node, _, _ in walk(flow.graph)}
            for target in FOLDERS:
                if target != source:
                    found = result.setdefault((source, target), {})
                    for node, severity in severities(flow, dsl.write(flow, target).notes).items():
                        found.setdefault(kinds[node], Counter())[severity] += 1
    return result


def share(counts: dict[str, Counter[str]], *worst: str) -> float:
    """The share of nodes with one of these severities."""
    total = sum(sum(each.values()) for each in counts.values())
    return sum(each[severity] for each in counts.values() for severity in worst) / total


def markdown(of: Table) -> str:
    lines = [
        "# What travels",
        "",
        "Nodes of the public workflow files by what becomes of them on each other platform. Exact and equivalent: the",
        "same behaviour. Needs binding: works once an id or a secret is supplied. Degraded: differs in a case that the",
        "report states. Stub: raises when it is reached. Dropped: not there. Made with `make coverage`.",
    ]
    for (source, target), counts in of.items():
        lost = share(counts, "stub", "dropped")
        lines += ["", f"## {source} to {target}: {lost:.1%} stub or dropped", ""]
        lines += [f"| kind | {' | '.join(each.replace('_', ' ') for each in SEVERITIES)} |", "|---" * 7 + "|"]
        for kind in sorted(counts):
            lines.append(f"| {kind} | {' | '.join(str(counts[kind][each] or '') for each in SEVERITIES)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if not Path(SHARED).is_dir():
        sys.exit(f"The corpora are not at {SHARED}.")
    sys.stdout.write(markdown(table()))
