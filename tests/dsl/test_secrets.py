"""A secret never passes into a file of another platform."""

import json
from itertools import pairwise
from typing import Any

import pytest

import dsl
from dsl.hiding import hidden
from dsl.ir import Edge, Flow, Graph, Json, Node, Ref, Resource, Script, Text, Type, Variable
from dsl.report import report
from dsl.secrets import mask
from dsl.sensitive import Found, is_unsaid
from dsl.sidecar import make
from dsl.spotting import found as found_under
from dsl.standing import Under
from dsl.summary import summarise
from tests.dsl.kitchen import kitchen_sink

OPENAI = "sk-" + "a1B2c3D4" * 4
CHANCE = "Qm81xVery9Secret7Value0x1122"
RUN = "Zq7xW3nB9tR5vK2m"
WEAK = "hunter2!Xy"  # which looks like no secret
TELEGRAM = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawQ"


def found(value: str, key: str = "", *, sent: bool = False, code: bool = False) -> list[Found]:
    return found_under(value, Under(key, sent), code=code)


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
        (f"curl https://x \\\n  -u 'admin:{WEAK}'", "text", WEAK),
        (f"curl https://x -uadmin:{WEAK}", "text", WEAK),
        (f"curl -b 'session={WEAK}' https://x", "text", f"session={WEAK}"),
        (f"curl -H 'X-Api-Key: {WEAK}' https://x", "text", WEAK),
        (f"curl https://x \\\n -H 'Authorization: Bearer {WEAK}'", "text", WEAK),
        (f"https://{{{{ $json.user }}}}:{WEAK}@a.example/x", "url", WEAK),
        (f"user=a\npassword={WEAK}", "body", WEAK),
        (f"select * from u where password='{WEAK}'", "sql", WEAK),
        (f"login password: {WEAK}", "notes", WEAK),
        (f"Use API key {RUN} to call.", "text", RUN),
        (f"The api key is {RUN}.", "text", RUN),
        *((f"https://h.example.com/x?{name}={RUN}", "url", RUN) for name in ("session", "ak", "sk", "otp", "hook")),
        (f"https://h.example.com/x?AWSAccessKeyId={RUN}&q=1", "url", RUN),
        (f"https://h.example.com/x?user_key={WEAK}", "url", WEAK),
    ],
)
def test_a_secret_is_found(value: str, key: str, secret: str) -> None:
    assert [value[each.start : each.end] for each in found(value, key)] == [secret]


HEX, UUID = "0123456789abcdef" * 2, "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    "token",
    [
        f"SK{HEX}",
        f"key-{HEX}",
        f"sq0atp-{RUN}abcdef",
        f"{HEX}-us12",
        f"glptt-{RUN}",
        f"lin_api_{RUN * 2}",
        f"dp.pt.{RUN * 3}",
        f"ATATT3xFfGF0{RUN * 4}",
        f"pypi-AgEIcHlwaS5vcmc{RUN * 3}",
        f"dapi{HEX}",
        f"dop_v1_{HEX * 2}",
        f"PMAK-{HEX[:24]}-{HEX}01",
        f"pplx-{RUN * 3}",
        f"fc-{HEX}",
        f"GOCSPX-{RUN}abcdefghijkl",
        f"ya29.{RUN * 3}",
        f"EAAG{RUN * 6}",
        f"figd_{RUN * 3}",
        f"sbp_{HEX}01234567",
        f"sb_secret_{RUN * 2}",
        f"pat-na1-{UUID}",
        f"lsv2_pt_{HEX}_0123456789",
        f"jina_{RUN * 4}",
        f"e2b_{HEX}01234567",
        f"vercel_{RUN * 2}",
        f"whsec_{RUN * 2}",
        f"pcsk_{RUN * 3}",
        f"dp.st.dev_eu.{RUN * 3}"[:57],
        f"bce-v3/ALTAK-{RUN}/{HEX}01234567",
        f"LTAI5t{RUN}",
        f"AKID{RUN * 2}",
        f"AKLT{RUN * 2}",
    ],
)
def test_a_token_of_a_form_that_is_known_is_a_secret_wherever_it_stands(token: str) -> None:
    for text in (f"see {token} ok", f"https://a.example/{token}", token):
        assert [text[each.start : each.end] for each in found(text)] == [token]


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("https://open.feishu.cn/open-apis/bot/v2/hook/", UUID),
        ("https://x.webhook.office.com/webhookb2/", f"{UUID}@{UUID}/IncomingWebhook/{HEX}/{UUID}"),
        ("https://hook.eu1.make.com/", RUN * 2),
        ("https://hooks.zapier.com/hooks/catch/", "123456/abc1d2e"),
        ("https://mcp.zapier.com/api/mcp/s/", RUN * 4),
    ],
)
def test_an_address_that_takes_what_anyone_sends_has_its_secret_at_the_end(address: str, secret: str) -> None:
    assert [(each.start, each.end) for each in found(address + secret)] == [(len(address), len(address + secret))]


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
        (f"={{{{ 'Bearer ' + '{WEAK}' }}}}", "Authorization", WEAK),
        (f"{{{{#env.A#}}}}{WEAK}", "X-Api-Key", WEAK),
        (RUN, "X-Foo", None),
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
        f"const h = {{'X-Key': '{CHANCE}'}};",
    ],
)
def test_what_code_gives_to_a_telling_name_is_a_secret_if_it_looks_like_chance(source: str) -> None:
    (each,) = found(source, code=True)
    assert CHANCE in source[each.start : each.end] and source[: each.start].strip()[-1] in "'\"`:=-"


@pytest.mark.parametrize(
    ("source", "secret"),
    [
        (f'fetch("https://a.example/v3/x?key={RUN}&city=1");', RUN),
        (f"url = f'https://a.example/v3/x?city={{c}}&key={RUN}'", RUN),
        (f'const url = "https://a.example/webhook/send?key={UUID}";', UUID),
        (f'c = "https://a.example/c?sv=2022&sig={RUN}%3D"', f"{RUN}%3D"),
        (f'c = "AccountName=x;AccountKey={RUN * 5}==;EndpointSuffix=a.example"', f"{RUN * 5}=="),
    ],
)
def test_a_key_in_an_address_is_a_secret_in_code_as_it_is_in_a_text(source: str, secret: str) -> None:
    for code in (True, False):
        assert [source[each.start : each.end] for each in found(source, code=code)] == [secret]


@pytest.mark.parametrize(
    "source",
    [
        "for (key = first1b2c3d4e5; key; key=second1b2c3d4e5) {}",
        "const url = `https://a.example/?key=${apiKey1b2c3d4e5}&sig=${sign(a1b2c3d4)}`;",
        "fetch('https://a.example/?key=' + keys1b2c3d4e5.first)",
        "sorted(names, key=by1name2and3value4)",
    ],
)
def test_a_name_that_is_called_key_in_code_gives_no_secret(source: str) -> None:
    assert found(source, code=True) == []


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        *((f"{{% set api_key = {q}{word}{q} %}}", word) for q in "'\"" for word in (RUN, "hunter2Xy7")),
        (f"**Password:** {WEAK}", WEAK),
        (f"**Password**: {WEAK}", WEAK),
        (f"- __Password:__ {WEAK}", WEAK),
        (f"- **API key:** {RUN}", RUN),
        (f"**API_KEY:** `{RUN}`", RUN),
        (f"| user | a |\n| password | {WEAK} |", WEAK),
        (f"| 1 | **API key** | `{RUN}` |", RUN),
        (f'<input name="password" value="{WEAK}">', WEAK),
        (f"<input type='hidden' value='{RUN}' id='api_key'/>", RUN),
        (f'<input type="password" class="x y" value="{WEAK}">', WEAK),
    ],
)
def test_a_secret_in_a_template_in_markdown_or_in_a_form_is_found(value: str, secret: str) -> None:
    assert [value[each.start : each.end] for each in found(value)] == [secret]


@pytest.mark.parametrize(
    "value",
    [
        "{% set token = item.token1 %}{% set secret = 'the next word' %}{% set token_type = 'utf8' %}",
        "**Password:** at least eight characters, **Token:** [see here](https://a.example)",
        "| password | string |\n|---|---|\n| token | The next token of 1st order |",
        '<input type="password" name="password" placeholder="At least 8"><input name="q" value="tea4two">',
        '<input name="password" value="{{ password1 }}"><input name="token" value="">',
    ],
)
def test_a_template_markdown_or_a_form_without_a_secret_stays(value: str) -> None:
    assert found(value) == []


def test_a_list_under_a_plural_and_an_input_by_its_label_hold_secrets() -> None:
    lists = {"conversation_variables": [{"name": "api_tokens", "value_type": "array[string]", "value": ["hunter2Xy7"]}]}
    assert hidden(lists)[1] == ["/conversation_variables/0/value/0"]
    assert hidden({"stop_tokens": ["</s>", "the end"], "max_tokens": 100000, "total_tokens": "4096"})[1] == []
    field = {"variable": "q2", "label": "API key", "type": "text-input", "default": "hunter2Xy7"}
    assert hidden({"variables": [field]})[1] == ["/variables/0/default"]
    assert hidden({"variables": [field | {"label": "How many tokens", "default": "12000"}]})[1] == []


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        (json.dumps({"payload": json.dumps({"password": WEAK})}), WEAK),
        (json.dumps({"a": [json.dumps({"b": json.dumps({"password": WEAK})})]}), WEAK),
        (json.dumps({"a": json.dumps([{"name": "X-Api-Key", "value": WEAK}])}), WEAK),
        (json.dumps({"password": 'hun"ter2\\x'}), r"hun\"ter2\\x"),
        (f'{{"pass\\u0077ord": "{WEAK}"}}', WEAK),
        (f'{{"k": "\\u0067hp_{RUN * 3}"}}', f"\\u0067hp_{RUN * 3}"),
        (f'Send {{"payload": "{{\\"api_key\\": \\"{RUN}\\"}}"}} there.', RUN),
        (f'const h = "{{\\"X-Api-Key\\": \\"{RUN}\\"}}";', RUN),
        (f'body = "{{\\"url\\": \\"https://a.example/?api_key={RUN}\\"}}"', RUN),
        (f"https://a.example/r?to=https%3A%2F%2Fb.example%2F%3Fapi_key%3D{RUN}", RUN),
        (f"https://a.example/r?to=https%253A%252F%252Fb.example%253Fapi_key%253D{RUN}%2526q", RUN),
        (f"https%3A%2F%2Fbob%3A{RUN}%40b.example%2F", f"bob%3A{RUN}"),
        (f"https://a.example/?t=ghp%5F{RUN * 3}", f"ghp%5F{RUN * 3}"),
        (f"https://a.example/?t=%67%68%70%5F%5A{RUN * 3}", f"%67%68%70%5F%5A{RUN * 3}"),
    ],
)
def test_a_secret_that_is_escaped_is_found_as_it_stands(value: str, secret: str) -> None:
    assert [value[each.start : each.end] for each in found(value)] == [secret]


def test_a_secret_in_json_in_json_leaves_both_whole() -> None:
    body = json.dumps({"payload": json.dumps({"password": WEAK, "text": 'say "hi"'})})
    clean, _ = hidden({"jsonBody": body})
    payload = json.loads(json.loads(clean["jsonBody"])["payload"])
    assert payload == {"password": "${PASSWORD}", "text": 'say "hi"'}


@pytest.mark.timeout(30)
def test_what_is_escaped_many_times_over_is_looked_through_a_few_times() -> None:
    assert found("%" + "25" * 100_000) == found('\\"' * 100_000) == found("\\" * 200_000 + '"') == []
    assert found('{"a": "' + '{\\"a\\": ' * 20_000 + '"}') == []


@pytest.mark.parametrize(
    "source",
    [
        f'key = os.getenv("OPENAI_API_KEY", "{RUN}")',
        f"key = os.environ.get('API_KEY', '{RUN}')",
        f'const k = process.env.API_KEY || "{RUN}";',
        f"const k = $env['API_KEY'] ?? `{RUN}`;",
        f'const apiKey = input.key || "{RUN}";',
        f'api_key = config.get("x") or "{RUN}"',
        f'api_key = given if given else "{RUN}"',
        f'API_KEY: str = "{RUN}"',
        f'def main(q: str, api_key: Optional[str] = "{RUN}") -> dict:',
        *(f'SECRET_KEY = {prefix}"{RUN}"' for prefix in ("b", "r", "f", "Rb")),
        f'SECRET_KEY = (\n    "{RUN}"\n)',
        f'headers.set("X-Api-Key", "{RUN}")',
        f'params.append("api_key", "{RUN}")',
        f"url.searchParams.set('key', '{RUN}')",
    ],
)
def test_a_secret_stands_in_code_as_a_default_with_a_type_or_as_an_argument_behind_its_name(source: str) -> None:
    assert [source[each.start : each.end] for each in found(source, code=True)] == [RUN]


@pytest.mark.parametrize(
    "source",
    [
        "order = ['token', 'user_id']; fields = ['password', 'field1', 'field2']",
        "const token = cached || response1.data2.items3[0];",
        "const note = apiKey ? 'present' : 'none'; id = given || 'a1b2c3d4e5f6';",
        "for token in tokens or 'the next word': pass",
        "api_key: str = make_key(b1c2d3e4f5g6h7)",
        "search.set('key', 'the-name-of-it')",
    ],
)
def test_a_default_that_looks_like_no_chance_or_belongs_to_another_name_is_no_secret(source: str) -> None:
    assert found(source, code=True) == []


@pytest.mark.parametrize(
    "source",
    [
        "const password = 'letmein99';",
        'db = {"user": "a", "passwd": "letmein99"}',
        'password: str = "letmein99"',
        "password = b'letmein99'",
    ],
)
def test_a_password_in_quotes_needs_no_more_than_letters_and_digits(source: str) -> None:
    assert [source[each.start : each.end] for each in found(source, code=True)] == ["letmein99"]


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
        ("={{ $json.user1.token2 }}", "Authorization"),
        ("={{ $('Get token 1').item.json['auth1token2'] }}", "Authorization"),
        ("my-api-key", "api_key"),
        ("my secret token", "token"),
        ("<your token>", "Authorization"),
        ('{"token": "string", "api_key": "<API_KEY>", "secret": "{{ $json.s }}"}', "text"),
        ("http://localhost:8080/@scope/x", "url"),
        ("https://someone@git.example.com/repo.git", "url"),
        ("Use the session token: the one that you were given.", "text"),
        ("docker run -u me:staff curl", "text"),
        ("curl -u $USER:$PASS -H 'Authorization: Bearer {{ token }}' -b cookies.txt https://x", "text"),
        ("Write to {{ $json.name }}:me@a.example", "text"),
        ("The password is required. Password: at least eight characters.", "text"),
        ("Use the API key that you were given, and no token.", "text"),
        ("https://h.example.com/x?session={{ $json.session }}&pin=1234", "url"),
        ("if password == 'undefined' or password == $json.password1: pass", "text"),
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


def _dify(*data: dict[str, Any], start: Json = (), env: Json = (), session: Json = ()) -> dict[str, object]:
    steps: list[dict[str, Any]] = [{"type": "start", "title": "Start", "variables": list(start)}, *data]
    nodes: list[dict[str, Any]] = [
        {"id": f"n{i}", "type": "custom", "position": {"x": 300 * i, "y": 0}, "data": {"title": f"N{i}", **each}}
        for i, each in enumerate([*steps, {"type": "answer", "answer": "Done"}])
    ]
    edges = [
        {"id": f"e{i}", "source": f"n{i}", "sourceHandle": "source", "target": f"n{i + 1}", "targetHandle": "target"}
        for i in range(len(nodes) - 1)
    ]
    flow = {"graph": {"nodes": nodes, "edges": edges}, "features": {}}
    flow |= {"environment_variables": env, "conversation_variables": session}
    return {"kind": "app", "version": "0.6.0", "app": {"name": "f", "mode": "advanced-chat"}, "workflow": flow}


def _dify_http(**more: object) -> dict[str, object]:
    none = {"authorization": {"type": "no-auth", "config": None}, "headers": "", "params": ""}
    return {"type": "http-request", "method": "post", "url": "https://a.example", **none, **more}


def _dify_variable(type_: str, value: object, name: str = "FOO", description: str = "") -> list[dict[str, object]]:
    return [{"id": "1", "name": name, "value_type": type_, "value": value, "description": description}]


def _coze(type_: str = "", inputs: object = None, **start: object) -> dict[str, object]:
    def node(id_: str, kind: str, **data: object) -> dict[str, object]:
        return {"id": id_, "type": kind, "meta": {"position": {"x": 0, "y": 0}}, "data": data}

    outputs = [{"type": "string", "name": "q", "required": True, **start}]
    end = {"terminatePlan": "returnVariables", "inputParameters": []}
    nodes = [node("100001", "1", nodeMeta={"title": "Start"}, outputs=outputs)]
    nodes += [node("100002", type_, nodeMeta={"title": "Ask"}, inputs=inputs, outputs=[])] if type_ else []
    nodes += [node("900001", "2", nodeMeta={"title": "End"}, inputs=end)]
    ids = [each["id"] for each in nodes]
    edges = [{"sourceNodeID": one, "targetNodeID": other} for one, other in pairwise(ids)]
    return {"nodes": nodes, "edges": edges, "versions": {"loop": "v2"}}


def _coze_auth(is_open: bool) -> dict[str, object]:
    given = [
        {"name": name, "input": {"type": "string", "value": {"type": "literal", "content": value}}}
        for name, value in (("Key", "X-A"), ("Value", WEAK))
    ]
    data = {"customData": {"addTo": "header", "data": given}}
    auth = {"authType": "CUSTOM_AUTH", "authOpen": is_open, "authData": data}
    body = {"bodyType": "EMPTY", "bodyData": {}}
    return {"apiInfo": {"method": "POST", "url": "https://a.example"}, "body": body, "headers": [], "auth": auth}


def _ragflow(name: str, **params: object) -> dict[str, object]:
    begin = {"component_name": "Begin", "params": {"mode": "conversational", "inputs": {}}}
    components = {
        "begin": {"obj": begin, "upstream": [], "downstream": ["A:1"]},
        "A:1": {"obj": {"component_name": name, "params": params}, "upstream": ["begin"], "downstream": []},
    }
    return {"title": "f", "dsl": {"components": components, "globals": {}, "history": [], "path": []}}


def _n8n_body(text: str) -> dict[str, object]:
    sent = {"method": "POST", "sendBody": True, "specifyBody": "json", "jsonBody": text}
    return _n8n("Ask", {"url": "https://a.example.com", **sent})


def _n8n_if(left: str, right: str) -> dict[str, object]:
    one = {"leftValue": left, "rightValue": right, "operator": {"type": "string", "operation": "equals"}}
    return _n8n("Known?", {"conditions": {"combinator": "and", "conditions": [one]}}, "if")


def _n8n_set(name: str, value: object, type_: str) -> dict[str, object]:
    one = {"id": "1", "name": name, "value": value, "type": type_}
    return _n8n("Set", {"assignments": {"assignments": [one]}}, "set")


_SESSION: dict[str, object] = {
    "variable_selector": ["conversation", "api_key"],
    "operation": "over-write",
    "write_mode": "over-write",
}
_FORM = {"type": "form-data", "data": [{"id": "1", "key": "password", "type": "text", "value": WEAK}]}
_SERVERS = json.dumps({"a": {"url": "https://x/sse", "headers": {"Authorization": f"Bearer {WEAK}"}}})
_AGENT = {"agent_strategy_name": "x", "agent_strategy_provider_name": "y", "agent_strategy_label": "z"}
_IF: dict[str, object] = {
    "id": "1",
    "variable_selector": ["n0", "api_key"],
    "comparison_operator": "is",
    "varType": "string",
}
_CASES = [{"case_id": "true", "id": "true", "logical_operator": "and", "conditions": [_IF | {"value": WEAK}]}]
_INPUT: dict[str, object] = {"variable": "api_key", "label": "Key", "required": True}
_JS_HEADERS = {"sendHeaders": True, "specifyHeaders": "json", "jsonHeaders": f"={{{{ {{'x-api-key':'{WEAK}'}} }}}}"}


@pytest.mark.parametrize(
    ("document", "secret"),
    [
        pytest.param(_dify(env=_dify_variable("secret", WEAK)), WEAK, id="a secret variable of Dify"),
        pytest.param(_dify(env=_dify_variable("secret", 9812763)), "9812763", id="a number that is one"),
        pytest.param(
            _dify(_dify_http(url=f"https://a.example/{WEAK}"), env=_dify_variable("secret", WEAK)),
            WEAK,
            id="a secret variable's value in an address",
        ),
        pytest.param(
            _dify(env=_dify_variable("secret", WEAK, description=f"it is {WEAK}")),
            WEAK,
            id="a secret variable's value in what is said of it",
        ),
        pytest.param(_dify(_dify_http(body=_FORM)), WEAK, id="a field of a form"),
        pytest.param(
            _dify(_dify_http(body={"type": "x-www-form-urlencoded", "data": f"password:{WEAK}"})),
            WEAK,
            id="a form in lines",
        ),
        pytest.param(_coze("45", _coze_auth(True)), WEAK, id="a header of one's own that signs in"),
        pytest.param(_coze("45", _coze_auth(False)), WEAK, id="such a header, switched off"),
        pytest.param(
            _ragflow("Invoke", url="https://a.example", method="POST", variables=[{"key": "password", "value": WEAK}]),
            WEAK,
            id="a variable of a request of RAGFlow",
        ),
        pytest.param(
            _dify({"type": "agent", "agent_parameters": {"mcp": {"type": "constant", "value": _SERVERS}}, **_AGENT}),
            WEAK,
            id="headers of a server in JSON text",
        ),
        pytest.param(
            _dify(session=_dify_variable("object", {"password": WEAK})), WEAK, id="an object that a variable holds"
        ),
        pytest.param(
            _dify(
                {"type": "template-transform", "template": f'{{"api_key":"{WEAK}","x":{{{{ x }}}}}}', "variables": []}
            ),
            WEAK,
            id="JSON in a template",
        ),
        pytest.param(
            _n8n("Ask", {"url": "https://a.example.com", **_JS_HEADERS}), WEAK, id="headers that an expression makes"
        ),
        pytest.param(_n8n_body('{"password":"correct horse battery"}'), "correct horse battery", id="words in a body"),
        pytest.param(_n8n_body(r'{"password":"ab\"cd9zz"}'), "cd9zz", id="a quote in a body"),
        pytest.param(_n8n_body(r'{"password":"ab\\cd9zz"}'), "cd9zz", id="a backslash in a body"),
        pytest.param(_n8n_body('{"password":98127634}'), "98127634", id="a number in a body"),
        pytest.param(_n8n_body('{"password":"abc1"}'), "abc1", id="a short password in a body"),
        pytest.param(_n8n_body(f'{{"auth":{{"user":"a","pass":"{WEAK}"}}}}'), WEAK, id="pass beside a user"),
        pytest.param(_n8n_body(f'={{"password":"{WEAK}","n":{{{{ $json.n }}}}}}'), WEAK, id="JSON with an expression"),
        pytest.param(_n8n_set("password", 98127634, "number"), "98127634", id="a number that is set"),
        pytest.param(
            _dify(start=[_INPUT | {"type": "text-input", "default": WEAK}]), WEAK, id="the default of an input"
        ),
        pytest.param(
            _dify(start=[_INPUT | {"type": "select", "options": [WEAK, "b"]}]), WEAK, id="an option of an input"
        ),
        pytest.param(_coze(name="api_key", defaultValue=WEAK), WEAK, id="the default of an input of Coze"),
        pytest.param(_dify(env=_dify_variable("number", 9812763, "PASSWORD")), "9812763", id="a number in a variable"),
        pytest.param(
            _dify(
                {"type": "assigner", "version": "2", "items": [_SESSION | {"input_type": "constant", "value": WEAK}]}
            ),
            WEAK,
            id="what a variable is set to",
        ),
        pytest.param(_dify({"type": "if-else", "cases": _CASES}), WEAK, id="what a value is compared with"),
        pytest.param(
            _n8n_if("={{ $json.headers.authorization }}", f"Bearer {WEAK}"), WEAK, id="what a header is compared with"
        ),
        pytest.param(
            _n8n_if("={{ $json.headers['x-api-key'] }}", WEAK), WEAK, id="what a header in quotes is compared with"
        ),
        pytest.param(_n8n("Ask", {}, notes=f"login password: {WEAK}"), WEAK, id="notes on a node"),
        pytest.param(_n8n("Ask", {}) | {"description": f"The password: {WEAK}"}, WEAK, id="what is said of the flow"),
        pytest.param(
            _dify(env=_dify_variable("string", "x", description=f"password: {WEAK}")),
            WEAK,
            id="what is said of a variable",
        ),
        pytest.param(_ragflow("BaiduFanyi", appid=CHANCE, secret_key=WEAK), CHANCE, id="an id beside its key"),
    ],
)
def test_a_secret_of_any_look_is_in_nothing_that_is_written_or_told(document: dict[str, object], secret: str) -> None:
    told = _all_that_is_told(json.dumps(document).encode())
    assert [name for name, text in told.items() if secret in text] == []


def test_a_secret_variable_of_dify_is_told_of_and_referred_to_where_its_value_stood() -> None:
    app = _dify(_dify_http(url=f"https://a.example/{WEAK}"), env=_dify_variable("secret", WEAK))
    masked, notes = mask(dsl.read(json.dumps(app)))
    assert masked.graph.nodes[1].params["url"] == Text(("https://a.example/", Ref("", ("FOO",), "env")))
    assert [each.name for each in masked.variables] == ["FOO"]
    places = {"/workflow/environment_variables/0/value", "/workflow/graph/nodes/1/data/url"}
    assert {note.source_pointer for note in notes if note.code == "secret.found"} == places


def test_the_default_of_an_input_that_is_a_secret_is_left_out_and_told_of() -> None:
    app = _dify(start=[_INPUT | {"type": "text-input", "default": WEAK}])
    masked, (note,) = mask(dsl.read(json.dumps(app)))
    assert masked.graph.nodes[0].outputs["api_key"].default is None and masked.variables == []
    assert "the default of an input" in note.message


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            _dify({"type": "tool", "tool_parameters": {"token": {"type": "variable", "value": ["n0", "user1token2"]}}}),
            id="a selector under a telling name",
        ),
        pytest.param(_n8n_body('{"token": "{{ $json.token }}", "max_tokens": 4096, "n": 98127634}'), id="references"),
        pytest.param(_dify(env=_dify_variable("secret", "")), id="a secret variable without a value"),
        pytest.param(_n8n_if("={{ $json.token }}", "={{ $json.other_token }}"), id="two values compared"),
    ],
)
def test_what_refers_to_a_secret_is_none(document: dict[str, object]) -> None:
    flow = dsl.read(json.dumps(document))
    assert mask(flow) == (flow, []) and hidden(flow.raw) == (flow.raw, [])


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


def _n8n_file(*nodes: dict[str, Any], **more: object) -> bytes:
    trigger = {"name": "M", "type": "n8n-nodes-base.manualTrigger", "parameters": {}}
    made = [
        {"id": f"i{i}", "typeVersion": 1, "position": [200 * i, 0], **each} for i, each in enumerate((trigger, *nodes))
    ]
    edges = {a["name"]: {"main": [[{"node": b["name"], "type": "main", "index": 0}]]} for a, b in pairwise(made)}
    return json.dumps({"name": "w", "nodes": made, "connections": edges, "settings": {}, **more}).encode()


GITHUB = "ghp_" + RUN * 2 + "Aa81"


@pytest.mark.parametrize("place", ["credentials", "parameters"])
def test_a_token_that_is_a_key_is_in_nothing_that_is_written_or_told_and_has_a_note(place: str) -> None:
    http: dict[str, Any] = {
        "name": "H",
        "type": "n8n-nodes-base.httpRequest",
        "parameters": {"url": "https://a.example"},
    }
    http[place] = {**http.get(place, {}), GITHUB: {"id": "1", "name": "x"}}
    data = _n8n_file(http)
    assert [name for name, text in _all_that_is_told(data).items() if GITHUB in text] == []
    notes = [note for note in mask(dsl.read(data))[1] if note.code == "secret.found"]
    assert notes and GITHUB not in repr(notes)


def test_a_token_that_is_a_key_takes_the_place_of_no_other_key() -> None:
    keys = {GITHUB: {"id": "1"}, "${GITHUB_KEY}": {"id": "2"}}
    flow = dsl.read(_n8n_file({"name": "H", "type": "n8n-nodes-base.slack", "parameters": {}, "credentials": keys}))
    kept = dsl.read(dsl.write(flow, "ir").data).raw["nodes"][1]["credentials"]
    assert [each["id"] for each in kept.values()] == ["1", "2"]


def test_a_token_that_took_the_place_of_a_key_is_no_fault_of_a_comparison() -> None:
    def flow(key: str) -> Flow:
        slack = {"name": "H", "type": "n8n-nodes-base.slack", "parameters": {}}
        return dsl.read(_n8n_file({**slack, "credentials": {"slackApi": {key: "1", "name": "x"}}}))

    assert GITHUB not in repr(dsl.diff(flow("id"), flow(GITHUB)))


def _password_and(**more: Any) -> bytes:
    field = {"id": "q", "name": "password", "value": MIXED, "type": "string"}
    fields = {"assignments": {"assignments": [field]}, "options": {}}
    code = {"name": "C", "type": "n8n-nodes-base.code", "parameters": {"jsCode": "return []"}, **more.pop("code", {})}
    return _n8n_file(
        {"name": "S", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "parameters": fields}, code, **more
    )


MIXED = "Sommer2024!"


@pytest.mark.parametrize(
    "more",
    [
        {"code": {"parameters": {"jsCode": f"return [{{json: {{a: '{MIXED}'}}}}]"}}},
        {"code": {"name": f"use {MIXED}"}},
        {"code": {"notes": f"密码{MIXED}"}},
        {"name": f"w {MIXED}"},
        {"pinData": {"S": [{"json": {"x": MIXED}}]}},
    ],
)
def test_a_password_of_letters_digits_and_signs_is_taken_out_wherever_else_it_stands(more: dict[str, Any]) -> None:
    assert [name for name, text in _all_that_is_told(_password_and(**more)).items() if MIXED in text] == []


@pytest.mark.parametrize("word", ["swordfish", "2024-11-27", "gpt-4o-mini", "me1@mail.example", "summer24"])
def test_a_password_that_people_say_for_other_things_stays_elsewhere(word: str) -> None:
    assert not is_unsaid(word)
