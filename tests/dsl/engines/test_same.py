"""A flow gives the same outputs on both engines, whichever platform's file it is written as."""

import pytest

import dsl
from tests.dsl.engines.dify import run_dify
from tests.dsl.engines.n8n_core import run_n8n_core
from tests.dsl.engines.n8n_server import N8nServer
from tests.dsl.small import Case, cases

PURE = [pytest.param(case, id=case.name) for case in cases() if not case.needs]
# n8n renders no Jinja; in the core lane a code node that fails hands on what it got, unlike on the server
NOT_IN_CORE = {"a template with logic", "a branch for an error", "a default in place of an error"}
IN_CORE = [each for each in PURE if each.id not in NOT_IN_CORE]
ON_SERVER = [each for each in PURE if each.id in NOT_IN_CORE - {"a template with logic"}]


@pytest.mark.engines
@pytest.mark.parametrize("case", PURE)
def test_a_small_flow_gives_its_outputs_on_graphon(case: Case) -> None:
    ran = run_dify(str(dsl.write(case.flow, "dify").data), case.inputs)
    assert ran.status in ("succeeded", "partial-succeeded"), ran.error
    assert ran.outputs == case.expected


@pytest.mark.engines
@pytest.mark.parametrize("case", IN_CORE)
def test_a_small_flow_gives_its_outputs_on_n8n(case: Case) -> None:
    ran = run_n8n_core(dsl.write(case.flow, "n8n", trigger="call").document, case.inputs)
    assert ran.status == "succeeded", ran.error
    assert ran.outputs == case.expected


@pytest.mark.engines
@pytest.mark.n8n
@pytest.mark.parametrize("case", ON_SERVER)
def test_what_happens_after_an_error_is_the_same_on_a_server(case: Case, n8n_server: N8nServer) -> None:
    ran = n8n_server.run(dsl.write(case.flow, "n8n", trigger="call").document, case.inputs)
    assert ran.outputs == case.expected
