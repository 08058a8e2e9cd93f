"""A secret never passes into a file of another platform."""

import json

import pytest

import dsl
from dsl.hiding import hidden
from dsl.ir import Edge, Flow, Graph, Node, Ref, Resource, Script, Text, Type, Variable
from dsl.report import report
from dsl.secrets import mask
from dsl.sensitive import found
from dsl.sidecar import make
from dsl.summary import summarise
from tests.dsl.kitchen import kitchen_sink

OPENAI = "sk-" + "a1B2c3D4" * 4
CHANCE = "Qm81xVery9Secret7Value0x1122"
TELEGRAM = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawQ"


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
        (CHANCE, "secretAccessKey", CHANCE),
        (CHANCE, "appsecret", CHANCE),
        (CHANCE, "passphrase", CHANCE),
        (f"Accept: text/plain\nX-Auth-Key: {CHANCE}\nX-Shop-Key: {{{{#env.KEY#}}}}", "headers", CHANCE),
        (f"q: tea\napi-token: {CHANCE}", "params", CHANCE),
        (f"https://x.example.com/a?q=1&client_secret={CHANCE}", "url", CHANCE),
        (f"client_secret={CHANCE}&q=1", "text", CHANCE),
        ('{"q": "tea", "password": "hunter2hunter2"}', "text", "hunter2hunter2"),
        ("https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawQ/send", "url", TELEGRAM),
        ("Basic dXNlcjpwYXNzd29yZDEyMw==", "text", "dXNlcjpwYXNzd29yZDEyMw=="),
        ("a sk_live_51H8abcdefghijklmnopqrstu z", "text", "sk_live_51H8abcdefghijklmnopqrstu"),
        (f"https://{CHANCE}@h.example.com/x", "url", CHANCE),
        (f"https://{CHANCE}:@h.example.com/x", "url", CHANCE),
        ("https://me:p@ss/word@h.example.com/x", "url", "me:p@ss/word"),
        (f"https://h.example.com/x#access_token={CHANCE}", "url", CHANCE),
        (f"https://h.example.com/x;jsessionid={CHANCE}?q=1", "url", CHANCE),
        (f"https://h.example.com/x?api%5Fkey={CHANCE}", "url", CHANCE),
        (f"https://h.example.com/x?code={CHANCE}==&q=1", "url", f"{CHANCE}=="),
        (f"https://h.example.com/x?appid={CHANCE}", "url", CHANCE),
        ("https://h.example.com/x?token=ab12", "url", "ab12"),
        ('{"password": "correcthorse", "q": "{{ $json.q }}"}', "jsonBody", "correcthorse"),
        ('{"q": "tea", "password": "S3cr3t!Pass#9"}', "text", "S3cr3t!Pass#9"),
        ('{"X-Api-Key": "hunter-two-three"}', "jsonHeaders", "hunter-two-three"),
        (f"<login><password>{CHANCE}</password></login>", "body", CHANCE),
        (f"={{{{ ({{ password: '{CHANCE}' }}) }}}}", "jsonBody", CHANCE),
        (f"API_KEY={CHANCE}", "text", CHANCE),
        (f"The password: {CHANCE}\nGood luck.", "text", CHANCE),
        (f"curl -s -u me:{CHANCE} https://h.example.com", "text", CHANCE),
        ("curl --user 'me:swordfish' https://h.example.com", "text", "swordfish"),
    ],
)
def test_a_secret_is_found(value: str, key: str, secret: str) -> None:
    assert [value[each.start : each.end] for each in found(value, key)] == [secret]


@pytest.mark.parametrize(
    ("value", "key", "secret"),
    [
        (f"a=b; sid={CHANCE}; c=d", "Cookie", f"a=b; sid={CHANCE}; c=d"),
        (f'Digest username="u", realm="r", response="{CHANCE}"', "Authorization", None),
        (f"AWS4-HMAC-SHA256 Credential=AK/2020, SignedHeaders=host, Signature={CHANCE}", "Authorization", None),
        ("AWS4-HMAC-SHA256 Credential=AKIA1234567890ABCDEF, Signature=0123456789abcdef", "Authorization", None),
        ("my secret pass phrase", "X-Password", None),
        ("pa$swordfish", "X-Password", None),
        ("a{bracket", "X-Password", None),
        (f"yourmom{CHANCE}", "X-Password", None),
        (f"Kxxxx{CHANCE}", "X-Password", None),
        ("48213", "X-Password", None),
        ("a1b2c", "X-Password", None),
        (f"{CHANCE}{{{{ $json.more }}}}", "X-Api-Key", CHANCE),
        (f"={{{{ 'Bearer ' + '{CHANCE}' }}}}", "Authorization", CHANCE),
    ],
)
def test_all_that_is_sent_under_a_telling_name_is_a_secret(value: str, key: str, secret: str | None) -> None:
    assert [value[each.start : each.end] for each in found(value, key, sent=True)] == [secret or value]


@pytest.mark.parametrize(
    "source",
    [
        f"const apiKey = '{CHANCE}';",
        f"# password: {CHANCE}\n",
        f'return {{password:"{CHANCE}"}}',
        f'headers["X-Api-Key"] = `{CHANCE}`',
        f"d = 'Server=x;User=a;Password={CHANCE};'",
        f"k = '-----BEGIN PRIVATE KEY-----\\n{CHANCE}'",
        f"fetch('https://h.example.com/?token={CHANCE}')",
    ],
)
def test_what_code_gives_to_a_telling_name_is_a_secret_if_it_looks_like_chance(source: str) -> None:
    (each,) = found(source, code=True)
    assert CHANCE in source[each.start : each.end] and source[: each.start].strip()[-1] in "'\"`:=-"


@pytest.mark.parametrize(
    "source",
    [
        "const token = response1.data2.items3[0];",
        "password = os.environ['DB_PASSWORD_2_X1Y2Z3']",
        "const apiKey = makeKey4Server5Now6();",
        "token: 'the-next-token', secret: `string`",
        "const auth_token = input.body.token ?? 'none';",
        "api_key = '550e8400-e29b-41d4-a716-446655440000'",
    ],
)
def test_what_code_computes_is_no_secret(source: str) -> None:
    assert found(source, code=True) == []


@pytest.mark.timeout(30)
def test_keys_that_begin_and_never_end_are_looked_through_once() -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    assert found(begin * 20_000) == []
    key = f"{begin}\nProc-Type: 4,ENCRYPTED\n\nMIIE--vq\n{end}"
    assert [(each.start, each.end) for each in found(f"{begin} {key} x")] == [(32, 32 + len(key))]


@pytest.mark.timeout(30)
def test_a_long_text_is_looked_through_at_once() -> None:
    assert found("A" * 10_000_000) == found("A-" * 5_000_000, "text") == []
    assert [each.start for each in found("A" * 10_000_000 + f" {OPENAI}")] == [10_000_001]


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
        ("It takes basic understanding.", "text"),
        ("Send it with bearer authentication.", "text"),
        ('Answer as {"token": "the next word", "secret": "string"}', "text"),
        ("https://x.example.com/a?token={{#sys.query#}}", "url"),
        ("0123456789abcdef01", "key"),
        ("Accept: text/plain\nX-Request-Id: 4711-4711-4711", "headers"),
        ("session={{ $json.session }}; lang=en", "Cookie"),
        ('={{ $json["x-auth2token4x1"] }}', "Authorization"),
        ("={{ $('Get token 1a2b3c').item.json.token }}", "Authorization"),
        ("$json.token", "token"),
        ("my-api-key", "api_key"),
        ("my secret token", "token"),
        ("<your token>", "Authorization"),
        ('{"token": "string", "api_key": "<API_KEY>", "secret": "{{ $json.s }}"}', "text"),
        ("http://localhost:8080/@scope/x", "url"),
        ("https://someone@git.example.com/repo.git", "url"),
        ("Use the session token: the one that you were given.", "text"),
        ("docker run -u me:staff curl", "text"),
    ],
)
def test_what_is_no_secret_stays(value: str, key: str) -> None:
    assert found(value, key) == []


@pytest.mark.parametrize("name", ["X-Shop-Key", "X-Auth", "Ocp-Apim-Subscription-Key", "x-functions-key", "hmac"])
def test_what_a_header_with_a_telling_name_sends_is_a_secret_if_it_looks_like_chance(name: str) -> None:
    assert [each.start for each in found(CHANCE, name, sent=True)] == [0]
    assert found("the-shops-own", "X-Shop-Key", sent=True) == []
    assert found("550e8400-e29b-41d4-a716-446655440000", "X-Shop-Key", sent=True) == []


def test_a_token_in_the_address_of_a_resource_goes_too_and_the_node_still_finds_it() -> None:
    address = f"https://mcp.example.com/sse?token={CHANCE}"
    node = Node("a", "tool", params={"tool": f"tool:{address}"})
    flow = Flow(
        "f", "n8n", graph=Graph([node]), resources=[Resource(f"tool:{address}", "tool", address, {"url": address})]
    )
    masked, notes = mask(flow)
    assert CHANCE not in str(masked) and [note.code for note in notes] == ["secret.found"]
    assert masked.graph.nodes[0].params["tool"] == masked.resources[0].id


def test_a_secret_in_a_document_is_found_by_the_name_around_its_value() -> None:
    document = {
        "tool_parameters": {"password": {"type": "constant", "value": CHANCE}},
        "inputs": [{"name": "apiKey", "input": {"value": {"content": CHANCE}}}],
        "headers": "X-Api-Key: another1secret2",
        "jsCode": f'const password = ["{CHANCE}"]; const url = "?token={CHANCE}";',
    }
    clean, places = hidden(document)
    assert places == ["/tool_parameters/password/value", "/inputs/0/input/value/content", "/headers", "/jsCode"]
    assert CHANCE not in str(clean) and clean["jsCode"].endswith('?token=${PASSWORD}";')
    assert clean["headers"] == "X-Api-Key: ${X_API_KEY}"


def test_headers_that_stand_in_a_json_text_and_keys_of_a_request_are_secrets_whatever_they_look_like() -> None:
    headers = json.dumps({"Authorization": 'Digest u="me", response="x"', "X-Password": "48213", "X-Id": "48213"})
    document = {"headers": headers, "auth": {"bearerTokenData": [{"name": "token", "input": {"value": "a1b2"}}]}}
    assert hidden(document)[0] == {
        "headers": '{"Authorization": "${AUTHORIZATION}", "X-Password": "${X_PASSWORD}", "X-Id": "48213"}',
        "auth": {"bearerTokenData": [{"name": "token", "input": {"value": "${TOKEN}"}}]},
    }


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


def _n8n(name: str, parameters: dict[str, object], kind: str = "httpRequest", **more: object) -> dict[str, object]:
    start = {"id": "0", "name": "Start", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1, "parameters": {}}
    node = {"id": "1", "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": 2.2, "parameters": parameters}
    to = {"Start": {"main": [[{"node": name, "type": "main", "index": 0}]]}}
    nodes = [start | {"position": [0, 0]}, node | {"position": [200, 0]} | more]
    return {"name": "f", "nodes": nodes, "connections": to, "settings": {}}


def _all_that_is_told(data: bytes) -> dict[str, str]:
    """Whatever a file becomes, by what it is."""
    flow = dsl.read(data)
    found = {f"drawn as {form}": dsl.draw(flow, form) for form in ("svg", "mmd", "html")}
    found |= {
        "check": str(dsl.check(flow)),
        "inspect": str(summarise(flow)),
        "diff": str(dsl.diff(flow, Flow("g", "ir"))),
    }
    for target in dsl.DIALECTS:
        written = dsl.write(flow, target)
        if target != flow.dialect:
            found[f"to {target}"] = str(written.document)
            found[f"notes to {target}"] = str(written.notes) + str(report(flow, target, written))
            found[f"sidecar of {target}"] = str(make(flow, target, written.document, data=data).plain())
    found["written without secrets"] = str(dsl.write(dsl.without_secrets(flow)[0], flow.dialect).data)
    return found


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(_n8n(f"Ask {OPENAI}", {"url": "https://a.example.com"}), id="the title, which is the id"),
        pytest.param(_n8n("Ask", {"url": "https://a.example.com"}, id=OPENAI), id="an id"),
        pytest.param(_n8n("Ask", {"url": "https://a.example.com"}, notes=f"api_key={CHANCE}"), id="notes on a node"),
        pytest.param(_n8n("Ask", {}) | {"name": f"Flow {OPENAI}"}, id="the name of the flow"),
        pytest.param(_n8n("Ask", {}) | {"description": f"With {OPENAI}"}, id="its description"),
        pytest.param(_n8n("Read me", {"content": f"password: {CHANCE}"}, "stickyNote"), id="a note"),
        pytest.param(_n8n("Ask", {}, credentials={"httpHeaderAuth": {"data": {"value": CHANCE}}}), id="a credential"),
        pytest.param(
            _n8n(
                "Known?",
                {
                    "conditions": {
                        "combinator": "and",
                        "conditions": [
                            {
                                "leftValue": "={{ $json.headers['x-api-key'] }}",
                                "rightValue": CHANCE,
                                "operator": {"type": "string", "operation": "equals"},
                            }
                        ],
                    }
                },
                "if",
            ),
            id="what a key is compared with",
        ),
    ],
)
def test_nothing_that_is_written_drawn_or_told_holds_the_secret_wherever_it_stood(document: dict[str, object]) -> None:
    told = _all_that_is_told(json.dumps(document).encode())
    assert [name for name, text in told.items() if OPENAI in text or CHANCE in text] == []


def test_a_secret_in_the_name_of_a_node_is_told_and_all_references_still_find_the_node() -> None:
    nodes = [
        Node(f"a {OPENAI}", "code", f"A {OPENAI}", params={"source": "x", "lang": "python3", "style": "kwargs"}),
        Node("b", "answer", params={"text": Ref(f"a {OPENAI}", ("out",))}),
    ]
    masked, notes = mask(Flow("f", "n8n", graph=Graph(nodes, [Edge(f"a {OPENAI}", "b")]), raw={"name": OPENAI}))
    first, second = masked.graph.nodes
    assert first.id == "a ${OPENAI_KEY}" == second.params["text"].node == masked.graph.edges[0].source
    assert [(note.code, note.source_pointer) for note in notes] == [("secret.found", "/name")]
    assert masked.variables == []


def test_where_a_kind_wants_plain_text_the_name_of_the_variable_stands() -> None:
    params = {"list": Ref("a", ("xs",)), "sort": [{"key": f"name {OPENAI}", "order": "asc"}]}
    flow = Flow("f", "dify", graph=Graph([Node("start", "start"), Node("l", "list", params=params)]))
    masked = mask(flow)[0]
    assert masked.graph.nodes[1].params["sort"] == [{"key": "name ${OPENAI_KEY}", "order": "asc"}]
    for dialect in dsl.DIALECTS:
        assert OPENAI not in str(dsl.write(flow, dialect).document)


def test_an_error_quotes_no_secret() -> None:
    with pytest.raises(dsl.DslError) as error:
        dsl.read(f'{{"flowstill": "{OPENAI}", "flow": {{}}}}')
    assert OPENAI not in str(error.value) and "${OPENAI_KEY}" in str(error.value)


@pytest.mark.parametrize("dialect", ["dify", "coze", "n8n", "ragflow"])
def test_a_secret_in_code_is_no_variable_and_each_code_node_is_told(dialect: str) -> None:
    code = {"lang": "javascript", "style": "kwargs"}
    source = f"function main() {{\n  return {{r: 'Bearer {OPENAI}'}};\n}}\n"
    nodes = [Node("s", "start"), *(Node(name, "code", name, params=code | {"source": source}) for name in ("a", "b"))]
    flow = Flow("f", "ir", graph=Graph(nodes, [Edge("s", "a"), Edge("a", "b")]))
    written = dsl.write(flow, dialect)
    told = [note for note in written.notes if note.code == "secret.found"]
    assert [note.node for note in told] == ["a", "b"]
    assert all("${OPENAI_KEY} stands" in note.message and "Put it in" in note.suggestion for note in told)
    assert OPENAI not in str(written.data)
    assert mask(flow)[0].variables == []


def test_a_secret_in_a_script_of_a_step_is_told_as_one_in_code() -> None:
    value = Script("n8n", f"'{OPENAI}' + $json.q")
    flow = Flow("f", "n8n", graph=Graph([Node("s", "set", inputs={"r": value}, outputs={"r": Type()})]))
    (note,) = mask(flow)[1]
    assert "stands there as text" in note.message


def test_a_flow_without_secrets_is_left_alone() -> None:
    flow = Flow("f", "dify", graph=Graph([Node("c", "note", params={"text": "hello"})]))
    assert mask(flow) == (flow, []) and mask(flow)[0] is flow


def test_the_kitchen_sink_has_no_secret_to_mask() -> None:
    flow = kitchen_sink()
    assert mask(flow)[0] is flow
