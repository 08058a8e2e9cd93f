"""Dify's External Knowledge API, as Dify registers and asks it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from connectors.records import Origin, Passage, sha256
from tests.tools.offered import KEY, may_call
from tools.app import create_app
from tools.context import Context
from tools.registry import Registry

GOOD = {"Authorization": f"Bearer {KEY}"}
TEXTS = {"parcels.md": "A parcel may weigh ten kilograms.", "keys.md": "A lost key is told at once."}


def search(base: str, query: str, k: int) -> list[tuple[Passage, float]]:
    found = [Passage(text, sha256(text), Origin("files", "docs", name)) for name, text in TEXTS.items()]
    return [*zip(found, (3.0, 1.0), strict=True)][:k]


@pytest.fixture
def client() -> FlaskClient:
    context = Context(bases=("handbook",), search=search)
    return create_app(Registry(), context, may_call).test_client()


def asked(client: FlaskClient, headers: dict[str, str] = GOOD, **more: Any) -> tuple[int, dict[str, Any]]:
    setting = {"top_k": 4, "score_threshold": 0.0}
    body = {"knowledge_id": "handbook", "query": "How heavy?", "retrieval_setting": setting} | more
    answer = client.post("/retrieval", json=body, headers=headers)
    return answer.status_code, answer.get_json()


def names(said: dict[str, Any]) -> list[str]:
    return [each["metadata"]["document"] for each in said["records"]]


def test_dify_finds_the_passages_best_first(client: FlaskClient) -> None:
    status, said = asked(client)
    assert (status, names(said)) == (200, ["parcels.md", "keys.md"])
    first = said["records"][0]
    assert (first["content"], first["score"], first["title"]) == (TEXTS["parcels.md"], 0.75, "parcels.md")


def test_the_threshold_and_the_number_are_kept(client: FlaskClient) -> None:
    assert names(asked(client, retrieval_setting={"top_k": 4, "score_threshold": 0.6})[1]) == ["parcels.md"]
    assert names(asked(client, retrieval_setting={"top_k": 1, "score_threshold": 0.0})[1]) == ["parcels.md"]


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        ("is", "keys.md", ["keys.md"]),
        ("is not", "keys.md", ["parcels.md"]),
        ("contains", "cel", ["parcels.md"]),
        ("not contains", "cel", ["keys.md"]),
        ("start with", "key", ["keys.md"]),
        ("end with", ".md", ["parcels.md", "keys.md"]),
        ("in", ["keys.md", "x"], ["keys.md"]),
        ("not in", "keys.md,x", ["parcels.md"]),
        ("empty", None, []),
        ("not empty", None, ["parcels.md", "keys.md"]),
    ],
)
def test_conditions_on_the_metadata_hold(client: FlaskClient, operator: str, value: Any, found: list[str]) -> None:
    one = {"name": "document", "comparison_operator": operator, "value": value}
    condition = {"logical_operator": "and", "conditions": [one]}
    assert names(asked(client, metadata_condition=condition)[1]) == found


def test_conditions_are_joined_as_dify_says(client: FlaskClient) -> None:
    both = [{"name": "document", "comparison_operator": "is", "value": name} for name in TEXTS]
    for operator, found in (("and", []), ("or", [*TEXTS])):
        condition = {"logical_operator": operator, "conditions": both}
        assert names(asked(client, metadata_condition=condition)[1]) == found


def test_the_probe_at_registration_passes_with_a_good_key_only(client: FlaskClient) -> None:
    probe: dict[str, Any] = {"knowledge_id": "", "query": "", "retrieval_setting": {"top_k": 1, "score_threshold": 0.0}}
    assert asked(client, **probe) == (200, {"records": []})
    assert asked(client, {"Authorization": "Bearer fs_wrong"}, **probe)[0] == 403


@pytest.mark.parametrize(
    ("headers", "more", "status", "code"),
    [
        ({}, {}, 403, 1001),
        ({"Authorization": "Bearer fs_wrong"}, {}, 403, 1002),
        ({"Authorization": "Bearer fs_bills"}, {}, 403, 1002),
        (GOOD, {"knowledge_id": "other"}, 404, 2001),
        (GOOD, {"retrieval_setting": {"top_k": 0}}, 400, 400),
        (GOOD, {"query": None}, 400, 400),
        (
            GOOD,
            {"metadata_condition": {"conditions": [{"name": "document", "comparison_operator": "~", "value": ""}]}},
            400,
            400,
        ),
    ],
)
def test_errors_are_those_that_dify_shows(
    client: FlaskClient, headers: dict[str, str], more: dict[str, Any], status: int, code: int
) -> None:
    got, said = asked(client, headers, **more)
    assert (got, said["error_code"]) == (status, code)
    assert said["error_msg"]
