"""The tools over HTTP, as platforms and strangers call them."""

import json
import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

import dsl
from tests.dsl.kitchen import kitchen_sink
from tests.tools.offered import KEY, context, may_call, registry
from tools.app import create_app

GOOD = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def client() -> FlaskClient:
    return create_app(registry(), context(), may_call).test_client()


def call(
    client: FlaskClient, tool: str, body: Any = None, headers: dict[str, str] = GOOD
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    answer = client.post(f"/tools/{tool}", data=data, headers=headers)
    assert answer.headers["X-Request-Id"]
    return answer.status_code, answer.get_json()


def test_a_tool_answers_with_what_its_function_says(client: FlaskClient) -> None:
    status, said = call(client, "search_knowledge", {"query": "How heavy may a parcel be?"})
    assert (status, said["passages"][0]["text"]) == (200, "A parcel may weigh ten kilograms.")
    assert said["passages"][0]["document"] == "parcels.md"


def test_a_workflow_is_carried_over_and_checked_over_http(client: FlaskClient) -> None:
    data = dsl.write(kitchen_sink(), "dify").data
    status, said = call(client, "convert_workflow", {"workflow": data, "target": "n8n"})
    assert (status, said["source"]) == (200, "dify")
    assert dsl.sniff(said["workflow"]) == "n8n"
    assert {each["severity"] for each in said["notes"]} >= {"degraded"}
    status, said = call(client, "check_workflow", {"workflow": said["workflow"]})
    assert (status, said["platform"]) == (200, "n8n")


@pytest.mark.parametrize(
    ("tool", "body", "headers", "status", "message"),
    [
        ("add_up", {"rows": []}, {}, 401, "The key is missing or wrong"),
        ("add_up", {"rows": []}, {"Authorization": "Bearer fs_wrong"}, 401, "The key is missing or wrong"),
        ("add_up", {"rows": []}, {"Authorization": f"Basic {KEY}"}, 401, "The key is missing or wrong"),
        ("check_workflow", {}, {"Authorization": "Bearer fs_bills"}, 403, "This key is not for the tool"),
        ("no_such", {}, GOOD, 404, "There is no tool 'no_such'. There are: search_knowledge"),
        ("add_up", {"rows": [{"what": "tea"}]}, GOOD, 422, "rows.0.price: Field required"),
        ("add_up", b"{", GOOD, 400, "The body is no JSON"),
        ("add_up", b"\xff\xfe", GOOD, 400, "The body is no JSON"),
        ("add_up", b"[" * 100_000, GOOD, 400, "The body is no JSON"),
        ("add_up", [1], GOOD, 400, "The body has to be a JSON object"),
        ("search_knowledge", {"query": "x", "knowledge_base": "no"}, GOOD, 400, "There are: handbook."),
        ("check_workflow", {"workflow": "hello"}, GOOD, 400, "workflow: "),
        ("check_workflow", {"workflow": "UEsDB!"}, GOOD, 400, "begins like an archive in base64, and is none"),
    ],
)
def test_bad_calls_get_the_right_status_and_one_clear_sentence(
    client: FlaskClient, tool: str, body: Any, headers: dict[str, str], status: int, message: str
) -> None:
    got, said = call(client, tool, body, headers)
    assert (got, message in said["error"]) == (status, True), said
    assert said["request_id"]


def test_json_is_json_whatever_the_call_says_it_is_as_curl_says_form(client: FlaskClient) -> None:
    form = GOOD | {"Content-Type": "application/x-www-form-urlencoded"}
    status, said = call(client, "add_up", ' {"rows": [{"what": "tea", "price": 2}]}', form)
    assert (status, said["total"]) == (200, 2)


def test_a_form_gives_lists_as_json_text_and_nothing_as_an_empty_field(client: FlaskClient) -> None:
    given = {"rows": '[{"what": "tea", "price": 2}]', "discount": "", "rounded": "true"}
    answer = client.post("/tools/add_up", data=given, headers=GOOD)
    assert (answer.status_code, answer.get_json()["total"]) == (200, 2)


def test_the_log_holds_names_of_arguments_and_no_texts(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flowstill.access"):
        call(client, "add_up", {"rows": [], "a long text of a person " * 9: 1} | {f"n{i}": 1 for i in range(99)})
    line = json.loads(caplog.messages[-1])
    assert len(line["unknown_arguments"]) <= 10 and "person" not in caplog.text


def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    assert call(client, "check_workflow", b" " * (17 * 2**20))[0] == 413


def test_a_failure_tells_the_caller_nothing_and_the_log_all(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    status, said = call(client, "fall_over", {})
    assert (status, "hunter2" in json.dumps(said)) == (500, False)
    assert said["request_id"] in caplog.text and "hunter2" in caplog.text


def test_each_request_is_a_line_of_json_without_the_key(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flowstill.access"):
        call(client, "add_up", {"rows": [], "tool": "add_up"})
    line = json.loads(caplog.messages[-1])
    assert (line["path"], line["status"], line["unknown_arguments"]) == ("/tools/add_up", 200, ["tool"])
    assert KEY not in caplog.text


def test_the_documents_are_public_and_name_the_address_that_was_asked(client: FlaskClient) -> None:
    for path in ("/openapi.json", "/openapi/dify.json", "/openapi/coze.json"):
        document = client.get(path, base_url="http://flowstill:8020").get_json()
        assert document["servers"] == [{"url": "http://flowstill:8020"}]
    assert client.get("/healthz").get_json() == {"status": "ok"}
