"""Files with anything anywhere: they are read, or refused with one clear error; what was read can be used."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsl
from dsl.lint import check, mend
from tests.dsl.corpus import FOLDERS
from tests.dsl.kitchen import kitchen_sink

ODD: list[Any] = [
    *(None, True, -1, 0, 10**40, 1.5, float("nan"), "", " ", "x" * 5000, "{{#a.b#}}", "={{ $json.x }}", "{{", "\x00"),
    *([], {}, [None], [[]], {"": None}, {"a": {"b": []}}, ["begin", "q"], "ünï\ud7ff", {"nodes": 1}, [1, "a", {}]),
]
QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a document with each key in it."""
    stack = [value]
    while stack:
        held = stack.pop()
        keys = list(held) if isinstance(held, dict) else range(len(held)) if isinstance(held, list) else []
        for key in keys:
            yield held, key
            stack.append(held[key])


def spoiled(document: Any, seed: int, times: int) -> Any:
    """The document with some places holding something else, twice, or nothing."""
    chance, document = random.Random(seed), copy.deepcopy(document)
    for _ in range(times):
        found = list(places(document))
        if not found:
            break
        held, key = chance.choice(found)
        how = chance.random()
        if how < 0.2:
            del held[key]
        elif how < 0.3 and isinstance(held, list):
            held.append(copy.deepcopy(held[key]))
        elif how < 0.5:
            other, theirs = chance.choice(found)
            held[key] = copy.deepcopy(other[theirs]) if theirs in _keys(other) else None
        else:
            held[key] = copy.deepcopy(chance.choice(ODD))
    return document


def _keys(held: Any) -> Any:
    return held if isinstance(held, dict) else range(len(held))


def survives(data: str | bytes, dialect: str | None = None) -> None:
    """Reads, checks, mends and writes it, with no other exception than DslError; the common form holds all of it."""
    try:
        flow = dsl.read(data, dialect)
    except dsl.DslError as error:
        assert str(error)
        return
    check(flow)
    for target in dsl.DIALECTS:
        try:
            dsl.write(flow, target)
        except dsl.DslError as error:
            assert str(error)
    mend(flow)
    dsl.read(dsl.write(flow, "ir").data)


@pytest.mark.parametrize("dialect", [*FOLDERS, "ir"])
@QUICK
@given(seed=st.integers(0, 2**32), times=st.integers(1, 6))
def test_a_spoiled_file_is_read_or_refused(dialect: str, seed: int, times: int) -> None:
    survives(json.dumps(spoiled(WRITTEN[dialect], seed, times)), dialect)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["app", "nodes", "dsl", "edges"]), inner)
    ),
    max_leaves=20,
)


@QUICK
@given(value=JSON)
def test_any_json_is_a_workflow_or_refused(value: Any) -> None:
    survives(json.dumps(value))


@QUICK
@given(data=st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: b"PK\x03\x04" + tail))
def test_any_bytes_are_a_workflow_or_refused(data: bytes) -> None:
    survives(data)


WRITTEN = {name: dsl.write(kitchen_sink(), name).document for name in [*FOLDERS, "ir"]}
