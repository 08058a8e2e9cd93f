"""From one platform to another and back, again and again: the file does not grow on the way."""

from pathlib import Path

import pytest

import dsl
from tests.dsl.corpus import FOLDERS, paths

SMALL = 6000  # bytes
DIALECTS = ("dify", "coze", "n8n", "ragflow")
GOLDEN = {name: Path(__file__).parent / "golden" / f"{name}.{'yml' if name == 'dify' else 'json'}" for name in DIALECTS}
FILES = [path for name in FOLDERS for path in [*paths(name), GOLDEN[name]] if path.stat().st_size < SMALL]
FILES += [path for path in GOLDEN.values() if path not in FILES]


TRIPS = [(path, target) for path in FILES for target in DIALECTS]


@pytest.mark.parametrize(("path", "target"), TRIPS, ids=lambda each: getattr(each, "name", each))
def test_the_third_journey_gives_what_the_second_gave(path: Path, target: str) -> None:
    flow = dsl.read(path.read_bytes())
    own, made = flow.dialect, []
    clipping = not any(node.kind == "start" for node in flow.graph.nodes)  # it gets a start first, and then an end
    ordered = path not in GOLDEN.values()  # a journey later, the variables that hold keys have their order
    for _ in range(3 + (clipping or not ordered)):
        there = dsl.write(flow, target)
        back = dsl.write(dsl.read(there.data), own)
        made.append((there.document, back.document))
        flow = dsl.read(back.data)
    assert made[-1] == made[-2]
