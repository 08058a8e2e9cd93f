"""n8n leaves out, when it loads a workflow, what a node's type does not know: a misspelt parameter, a hidden one."""

import json
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl.values import leaves
from tests.dsl import corpus
from tests.dsl.engines.build import node, workflow
from tests.dsl.engines.n8n_core import kept_by_n8n

pytestmark = pytest.mark.engines


def left_out(written: Any) -> list[str]:
    """The parameters in the file that n8n does not keep, as `name of the node/parameter`."""
    known = kept_by_n8n(written)
    return [
        f"{each['name']}{place}"
        for each in written["nodes"]
        if each["name"] in known
        for place, value in leaves(each["parameters"], "")
        if place not in dict(leaves(known[each["name"]], "")) and value not in ("", {}, [])
    ]


@pytest.mark.parametrize("path", [*corpus.files("dify"), *corpus.files("coze"), *corpus.files("ragflow")])
def test_n8n_keeps_every_parameter_that_is_written_for_it(path: Path) -> None:
    flow = dsl.read(path.read_bytes())
    assert left_out(json.loads(dsl.write(flow, "n8n").data)) == []


def test_a_misspelt_parameter_is_noticed() -> None:
    call = node("Call", "httpRequest", 4.4, url="http://127.0.0.1", sendHeader=True)
    assert left_out(workflow([call], "")) == ["Call/sendHeader"]
