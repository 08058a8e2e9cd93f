"""A secret never passes into a file of another platform."""

import pytest

from dsl.ir import Flow, Graph, Node, Ref, Text, Variable
from dsl.secrets import found, mask
from tests.dsl.kitchen import kitchen_sink

OPENAI = "sk-" + "a1B2c3D4" * 4


@pytest.mark.parametrize(
    ("value", "key", "secret"),
    [
        (OPENAI, "", OPENAI),
        (f"Bearer {OPENAI}", "Authorization", OPENAI),
        ("Bearer 0123456789abcdef", "Authorization", "0123456789abcdef"),
        ("Basic dXNlcjpwYXNz", "Authorization", "dXNlcjpwYXNz"),
        ("hunter2hunter2", "password", "hunter2hunter2"),
        ("s3cr3tvalue", "X-Api-Key", "s3cr3tvalue"),
        ("https://api.example.com/?q=1&api_key=0123456789", "url", "0123456789"),
        ("postgres://me:pa55word@db/x", "url", "me:pa55word"),
        ("https://hooks.slack.com/services/T000/B000/abcdefgh", "url", "T000/B000/abcdefgh"),
        ("x = 'ghp_" + "a" * 36 + "'", "source", "ghp_" + "a" * 36),
    ],
)
def test_a_secret_is_found(value: str, key: str, secret: str) -> None:
    assert [value[each.start : each.end] for each in found(value, key)] == [secret]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("4096", "max_tokens"),
        ("Bearer {{token}}", "Authorization"),
        ("YOUR_API_KEY", "api_key"),
        ("Bearer", "Authorization"),
        ("", "password"),
        ("How do I reset my password today?", "token"),
        ("https://example.com/?q=token", "url"),
        ("task-1234567890123456", ""),
        ("no-auth", "authorization"),
    ],
)
def test_what_is_no_secret_stays(value: str, key: str) -> None:
    assert found(value, key) == []


def test_a_secret_becomes_a_variable_to_fill_in_and_is_told_without_its_value() -> None:
    node = Node(
        "n1",
        "http",
        "Fetch",
        params={
            "url": Text((f"https://api.example.com/?key={OPENAI}&q=", Ref("begin", ("q",)))),
            "headers": [["Authorization", f"Bearer {OPENAI}"], ["X-Token", "other-secret-value"]],
        },
        pointer="/nodes/0",
    )
    flow = Flow("f", "dify", graph=Graph([node]), raw={"nodes": [{"url": f"a {OPENAI}", "t": "other-secret-value"}]})
    masked, notes = mask(flow)
    assert OPENAI not in str(masked.graph) and "other-secret-value" not in str(masked.graph)
    assert masked.graph.nodes[0].params["headers"][1] == ["X-Token", Text((Ref("", ("X_TOKEN",), "env"),))]
    assert [(each.scope, each.name, each.type.name) for each in masked.variables] == [
        ("env", "KEY", "secret"),
        ("env", "X_TOKEN", "secret"),
    ]
    assert {note.source_pointer for note in notes} == {"/nodes/0/url", "/nodes/0/t"}
    assert OPENAI not in str(notes) and node.params["headers"][0] == ["Authorization", f"Bearer {OPENAI}"]


def test_a_secret_in_code_and_in_a_variable_goes_too() -> None:
    nodes = [Node("c", "code", params={"source": f"key = '{OPENAI}'", "lang": "python3", "style": "kwargs"})]
    flow = Flow("f", "dify", graph=Graph(nodes), variables=[Variable("session", "api_key", default="abcdef123456")])
    masked, notes = mask(flow)
    assert masked.graph.nodes[0].params["source"] == "key = '${OPENAI_KEY}'"
    assert masked.variables[0].default is None and masked.variables[0].type.name == "secret"
    assert len(notes) == 2


def test_a_flow_without_secrets_is_left_alone() -> None:
    flow = Flow("f", "dify", graph=Graph([Node("c", "note", params={"text": "hello"})]))
    assert mask(flow) == (flow, []) and mask(flow)[0] is flow


def test_the_kitchen_sink_has_no_secret_to_mask() -> None:
    flow = kitchen_sink()
    assert mask(flow)[0] is flow
