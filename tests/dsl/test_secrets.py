"""A secret never passes into a file of another platform."""

import pytest

from dsl.ir import Flow, Graph, Node, Ref, Resource, Text, Variable
from dsl.secrets import hidden, mask
from dsl.sensitive import found
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
        "headers": f"X-Api-Key: {CHANCE}",
        "jsCode": f'const password = ["{CHANCE}"]; const url = "?token={CHANCE}";',
    }
    clean, places = hidden(document)
    assert places == ["/tool_parameters/password/value", "/inputs/0/input/value/content", "/headers", "/jsCode"]
    assert clean["jsCode"] == f'const password = ["{CHANCE}"]; const url = "?token=${{TOKEN}}";'
    assert clean["headers"] == "X-Api-Key: ${X_API_KEY}"


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
