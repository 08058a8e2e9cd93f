"""What changed, in words."""

import copy
import json
from dataclasses import replace
from typing import Any

import dsl
from dsl.changes import diff
from dsl.ir import Edge, Flow, Graph, Node, OnError, Ref, Text, Type, Variable
from dsl.values import nodes, rename
from tests.dsl.kitchen import kitchen_sink
from tests.dsl.small import cases


def test_nothing_changed_says_nothing() -> None:
    assert diff(kitchen_sink(), kitchen_sink()) == []


def test_other_ids_are_no_change() -> None:
    other = kitchen_sink()
    rename(other, {"begin": "100001", "fetch": "f-7", "each": "e"})
    assert diff(kitchen_sink(), other) == []


def test_nodes_may_swap_their_ids() -> None:
    other = kitchen_sink()
    one, two = (edge := other.graph.edges[0]).source, edge.target
    rename(other, {one: two, two: one})
    assert (other.graph.edges[0].source, other.graph.edges[0].target) == (two, one)
    assert diff(kitchen_sink(), other) == []


def test_a_changed_prompt_url_and_setting_are_told_one_by_one() -> None:
    other = kitchen_sink()
    known = nodes(other)
    known["fetch"].params["url"] = Text(("https://new.example.com/", Ref("begin", ("q",))))
    known["reply"].params["parameters"] = {"temperature": 0.9, "max_tokens": 256}
    known["double"].on_error = replace(known["double"].on_error, retries=5)
    assert [str(change) for change in diff(kitchen_sink(), other)] == [
        "~ 'Double': on_error.retries: 2 -> 5",
        "~ 'Fetch': url: https://api.example.com/v1/{begin.q} -> https://new.example.com/{begin.q}",
        "~ 'Reply': parameters.temperature: 0.3 -> 0.9",
    ]


def test_a_new_node_its_edge_and_a_lost_variable_are_told() -> None:
    one, other = kitchen_sink(), copy.deepcopy(kitchen_sink())
    other.graph.nodes.append(Node("x", "http", "Notify"))
    other.graph.edges.append(Edge("say", "x"))
    other.variables = [*other.variables[1:], Variable("env", "REGION", default="eu")]
    assert [str(change) for change in diff(one, other)] == [
        "+ 'Notify': http",
        "+ edge 'Say' to 'Notify'",
        "- variable env.API_URL",
        "+ variable env.REGION",
    ]


def _told(**changed: tuple[Any, Any]) -> list[str]:
    """What is said of parameters that were one thing and are another."""
    flows = [
        Flow("t", "ir", graph=Graph([Node("h", "http", "H", params={name: pair[i] for name, pair in changed.items()})]))
        for i in (0, 1)
    ]
    return [change.message for change in diff(*flows)]


def test_values_are_told_in_words() -> None:
    assert _told(follow_redirects=(True, False)) == ["follow_redirects: yes -> no"]
    pairs = [["A", Ref("begin", ("q",))]], [["A", "b"], ["C", Text(("d", Ref("", ("E",), "env")))]]
    assert _told(headers=pairs) == ["headers: [[A, {begin.q}]] -> [[A, b], [C, d{env.E}]]"]
    assert _told(body=({"type": "json"}, None)) == ["body: {type: json} -> nothing"]


def test_types_are_told_in_words() -> None:
    one, other = (
        Flow("t", "ir", graph=Graph([Node("s", "start", "S", outputs=outputs)]))
        for outputs in ({"q": Type("string")}, {"q": Type("string"), "xs": Type("array", items=Type("number"))})
    )
    assert [change.message for change in diff(one, other)] == ["outputs.xs: nothing -> array of number"]


def test_another_type_is_told_by_the_name_of_what_has_it() -> None:
    one, other = (
        Flow("t", "ir", graph=Graph([Node("s", "start", "S", outputs={"n": kind, "xs": Type("array", items=kind)})]))
        for kind in (Type("number"), Type("integer"))
    )
    assert [change.message for change in diff(one, other)] == [
        "outputs.n: number -> integer",
        "outputs.xs.items: number -> integer",
    ]


def test_the_time_limit_that_every_node_of_coze_has_is_no_change() -> None:
    flow = next(iter(cases())).flow
    written = dsl.read(dsl.write(flow, "coze").data)
    assert not [each for each in diff(flow, written) if "timeout_ms" in each.message]
    other = copy.deepcopy(written)
    limited = next(node for node in nodes(other).values() if node.on_error.timeout_ms)
    limited.on_error = OnError(timeout_ms=9)
    assert [each.message for each in diff(written, other)] == ["on_error.timeout_ms: 180000 -> 9"]


def test_a_difference_late_in_a_long_text_is_seen() -> None:
    start = "https://shop.example.com/a/very/long/address/that/goes/on/and/on/and/on"
    (line,) = _told(url=(f"{start}/one?x=1", f"{start}/two?x=1"))
    one, _, other = line.removeprefix("url: ").partition(" -> ")
    assert one.startswith("...") and one.endswith("/one?x=1") and other.endswith("/two?x=1") and len(line) < 140


def test_values_that_look_alike_are_told_apart() -> None:
    assert _told(x=("a b", "a  b")) == ["x: 'a b' -> 'a  b'"]
    assert _told(x=(100, "100")) == ["x: 100 (a number) -> 100 (a text)"]
    assert _told(x=(None, "")) == ["x: nothing -> nothing (an empty text)"]
    reference = Ref("", ("LIMIT",), "env")
    assert _told(x=(reference, Text((reference,)))) == ["x: {env.LIMIT} (a reference) -> {env.LIMIT} (a text)"]
    assert _told(x=(True, "yes")) == ["x: yes (a truth value) -> yes (a text)"]


def test_what_only_one_platform_has_is_told_as_its_file_says_it() -> None:
    def call(**options: Any) -> Flow:
        ask = {"url": "https://a.example", "options": options}
        node = {"name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "parameters": ask}
        return dsl.read(json.dumps({"nodes": [node | {"position": [len(options), 0]}], "connections": {}}))

    def told(one: Flow, other: Flow) -> list[str]:
        return [str(change) for change in dsl.diff(one, other)]

    assert told(call(proxy="http://a"), call(proxy="http://b")) == [
        "~ 'Ask': parameters.options.proxy: http://a -> http://b"
    ]
    assert told(call(), call(proxy="http://b")) == ["~ 'Ask': parameters.options.proxy: nothing -> http://b"]
    assert told(call(proxy="http://a"), call()) == ["~ 'Ask': parameters.options.proxy: http://a -> nothing"]
    assert told(call(timeout="1"), call(timeout="1")) == []

    text, several, mapping = call(proxy="http://a"), call(proxy=["http://a", "http://b"]), call(proxy={"a": 1})
    for one, was in ((text, "http://a"), (several, "[http://a, http://b]"), (mapping, "{a: 1}"), (call(), "nothing")):
        for other, is_ in ((text, "http://a"), (several, "[http://a, http://b]"), (mapping, "{a: 1}")):
            change = [f"~ 'Ask': parameters.options.proxy: {was} -> {is_}"] if one is not other else []
            assert told(one, other) == change
    assert told(several, call(proxy=["http://a"])) == [
        "~ 'Ask': parameters.options.proxy: [http://a, http://b] -> [http://a]"
    ]


def test_no_secret_is_told_and_another_one_is_a_change() -> None:
    one, other = "AKIAABCDEFGHIJKLMNOP", "AKIAQRSTUVWXYZABCDEF"
    told = _told(headers=([["X-Api-Key", one]], [["X-Api-Key", other]]))
    assert told == ["headers[0][1]: a secret -> another secret"]
    (line,) = _told(url=(f"https://a.example.com/?key={one}", "https://b.example.com/"))
    assert one not in line and "a.example.com" in line
    flows = [Flow("t", "ir", variables=[Variable("env", "API_KEY", default=each)]) for each in (one, other)]
    assert [str(change) for change in diff(*flows)] == ["~ variable env.API_KEY: a secret -> another secret"]


def test_a_secret_that_reading_puts_aside_is_told_where_it_is_another_one() -> None:
    def flow(token: str, accept: str = "text/a") -> Flow:
        headers = [{"name": "Authorization", "value": f"Bearer {token}"}, {"name": "Accept", "value": accept}]
        parameters = {"url": "https://a.example.com", "sendHeaders": True, "headerParameters": {"parameters": headers}}
        node = {"id": "1", "name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [0, 0]}
        return dsl.read(json.dumps({"name": "f", "nodes": [node | {"parameters": parameters}], "connections": {}}))

    one, other = "Zq7xPw81VbN4kL0tRy52Gh3J", "Ab3xPw81VbN4kL0tRy52Gh3J"
    secret = "~ 'Ask': parameters.headerParameters.parameters.0.value: a secret -> another secret"
    assert [str(each) for each in diff(flow(one), flow(other))] == [secret]
    accept = "~ 'Ask': headers[1][1]: text/a -> text/b"
    assert [str(each) for each in diff(flow(one), flow(other, "text/b"))] == [accept, secret]
    assert diff(flow(one), flow(one)) == []


def test_a_secret_in_a_name_is_not_told_and_what_changed_beside_it_is() -> None:
    flows = [
        Flow("t", "ir", graph=Graph([Node("a", "http", f"Ask {secret}", params={"method": method})]))
        for secret, method in (("sk-Zq7xPw81VbN4kL0tRy52", "GET"), ("sk-Ab3xPw81VbN4kL0tRy52", "PUT"))
    ]
    assert [str(each) for each in diff(flows[0], flows[0])] == []
    assert [str(each) for each in diff(*flows)] == [
        "~ 'Ask ${OPENAI_KEY}': title: a secret -> another secret",
        "~ 'Ask ${OPENAI_KEY}': method: GET -> PUT",
    ]


def test_what_else_changed_of_a_variable_is_told_and_a_whole_number_is_one() -> None:
    one, other = (
        Flow("t", "ir", variables=[Variable("env", "LIMIT", Type(name), default, about)])  # type: ignore[arg-type]
        for name, default, about in (("string", 1, ""), ("number", 1.0, "rounds"))
    )
    assert [str(each) for each in diff(one, other)] == [
        "~ variable env.LIMIT: type: string -> number",
        "~ variable env.LIMIT: description: nothing -> rounds",
    ]


def test_another_name_mode_or_description_of_the_flow_is_told() -> None:
    one, other = Flow("a", "ir", description="Answers."), Flow("b", "ir", mode="chat", description="Asks.")
    assert [str(each) for each in diff(one, other)] == [
        "~ flow: name: a -> b",
        "~ flow: mode: workflow -> chat",
        "~ flow: description: Answers. -> Asks.",
    ]


def test_another_model_of_n8n_is_told_though_it_hangs_on_the_same_node() -> None:
    def chain(kind: str, parameters: dict[str, Any]) -> Flow:
        package, model = "@n8n/n8n-nodes-langchain", "ai_languageModel"
        nodes = [
            {"id": "t", "name": "T", "type": f"{package}.chatTrigger", "typeVersion": 1, "parameters": {}},
            {"id": "a", "name": "A", "type": f"{package}.{kind}", "typeVersion": 1.5, "parameters": {}},
            {"id": "o", "name": "M", "type": f"{package}.lmChatOpenAi", "typeVersion": 1.2, "parameters": parameters},
        ]
        edges = {
            "T": {"main": [[{"node": "A", "type": "main", "index": 0}]]},
            "M": {model: [[{"node": "A", "type": model, "index": 0}]]},
        }
        return dsl.read(json.dumps({"name": "w", "nodes": nodes, "connections": edges}), "n8n")

    def listed(name: str) -> dict[str, Any]:
        return {"model": {"__rl": True, "mode": "list", "value": name}}

    for kind in ("chainLlm", "agent", "informationExtractor", "textClassifier"):
        told = [str(each) for each in diff(chain(kind, listed("gpt-4o")), chain(kind, listed("o3")))]
        assert told == ["~ 'A': model: gpt-4o -> o3"]
        assert not diff(chain(kind, listed("gpt-4o")), chain(kind, listed("gpt-4o")))


def test_what_is_set_for_the_workflow_as_a_whole_is_told() -> None:
    def told(read: Any, one: Any, other: Any) -> list[str]:
        return [str(each) for each in diff(read(one), read(other))]

    def n8n(settings: dict[str, Any]) -> Flow:
        return dsl.read(json.dumps({"nodes": [], "connections": {}, **settings}), "n8n")

    assert told(n8n, {"active": False}, {"active": True}) == ["~ flow: active: no -> yes"]
    assert told(n8n, {"active": False}, {}) == []
    zones = [{"settings": {"timezone": zone, "executionOrder": "v1"}} for zone in ("Asia/Tokyo", "Europe/Berlin")]
    assert told(n8n, *zones) == ["~ flow: settings.timezone: Asia/Tokyo -> Europe/Berlin"]
    assert told(n8n, {}, {"pinData": {"A": [{"json": {"a": 1}}]}}) == [
        "~ flow: pinData: nothing -> {A: [{json: {a: 1}}]}"
    ]
    assert told(n8n, {"settings": {"x": TOKEN}}, {"settings": {"x": TOKEN[::-1]}}) != []
    assert TOKEN not in str(told(n8n, {"settings": {"x": TOKEN}}, {"settings": {"x": "a"}}))

    def dify(features: dict[str, Any]) -> Flow:
        graph = {"nodes": [{"id": "s", "data": {"type": "start", "title": "S", "variables": []}}], "edges": []}
        workflow = {"graph": graph, "features": features}
        app = {"kind": "app", "version": "0.6.0", "app": {"mode": "advanced-chat", "name": "a"}, "workflow": workflow}
        return dsl.read(json.dumps(app), "dify")

    moderated = {"sensitive_word_avoidance": {"enabled": True, "type": "keywords"}}
    assert told(dify, {"sensitive_word_avoidance": {"enabled": False}}, moderated) == [
        "~ flow: features.sensitive_word_avoidance.enabled: no -> yes",
        "~ flow: features.sensitive_word_avoidance.type: nothing -> keywords",
    ]
    assert told(dify, {}, {"file_upload": {"enabled": False, "number_limits": 3}}) == []
    assert told(dify, {"opening_statement": "Hi"}, {"opening_statement": "Ho"}) == ["~ 'S': prologue: Hi -> Ho"]


TOKEN = "ghp_Zq7xW3nB9tR5vK2mAa81Lp0QwErTyUiOp3Xc"
