"""What RAGFlow's code gives out: one output, which is the whole of what `main` returns."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl import ragflow
from dsl.ir import Edge, Flow, Graph, Node, Ref, Text, Type
from dsl.values import nodes, refs
from tests.dsl.corpus import files
from tests.dsl.kitchen import kitchen_sink
from tests.dsl.small import start

TYPES = {"a": Type("string"), "n": Type("array", items=Type("number"))}
SOURCES = {
    ("python3", "kwargs"): "def main(q):\n    return {'a': q, 'n': [1]}\n",
    ("python3", "args"): "async def main(args):\n    return {'a': args.params['q'], 'n': [1]}\n",
    ("python3", "items"): "return [{'json': {'a': 'x', 'n': [1]}}]",
    ("javascript", "kwargs"): "function main({ q }) {\n  return { a: q, n: [1] };\n}\n",
    ("javascript", "args"): "async function main({ params }) {\n  return { a: params.q, n: [1] };\n}\n",
}

FILES: list[Path] = [each.values[0] for each in files("ragflow") if each.values[0]]  # type: ignore[attr-defined]


def asked(lang: str, style: str, **outputs: Type) -> Flow:
    """Code, and what says its output `a`."""
    params = {"lang": lang, "style": style, "source": SOURCES[lang, style]}
    code = Node("code", "code", "Code", params=params, inputs={"q": Ref("begin", ("q",))}, outputs=outputs)
    says = Node("say", "answer", "Say", params={"text": Text(("It is ", Ref("code", ("a",))))})
    return Flow("f", "ir", graph=Graph([start(), code, says], [Edge("begin", "code"), Edge("code", "say")]))


def components(document: Any) -> dict[str, Any]:
    return {key: each["obj"]["params"] for key, each in document["dsl"]["components"].items()}


@pytest.mark.parametrize("outputs", [{}, {"a": TYPES["a"]}, TYPES], ids=len)
@pytest.mark.parametrize(("lang", "style"), SOURCES)
def test_code_that_returns_a_mapping_has_one_output_and_the_rest_are_fields_of_it(
    lang: str, style: str, outputs: dict[str, Type]
) -> None:
    written = dsl.write(asked(lang, style, **outputs), "ragflow")
    made = components(written.document)
    assert made["code"]["outputs"] == {"returned": {"type": "Object", "value": None}}
    assert made["say"]["content"] == ["It is\n{code@returned.a}"]
    read = nodes(dsl.read(written.data))
    assert read["code"].outputs == outputs
    seen = {"fields": {"": {"q": "in_0"}}} if style == "items" else {}
    assert read["code"].params == {"lang": lang, "style": style, "source": SOURCES[lang, style], **seen}
    assert list(refs(read["say"].params)) == [Ref("code", ("a",))]


def test_what_is_changed_in_a_canvas_that_was_written_refers_as_it_does() -> None:
    flow = dsl.read(dsl.write(asked("python3", "kwargs", **TYPES), "ragflow").data)
    nodes(flow)["say"].params["text"] = Text(("So: ", Ref("code", ("n",))))
    made = components(dsl.write(flow, "ragflow").document)
    assert made["say"]["content"] == ["So:\n{code@returned.n}"]


def test_all_code_gives_out_one_output_that_is_checked_against_a_type_that_ragflow_knows() -> None:
    made = components(ragflow.build(kitchen_sink())[0])
    given = [list(each["outputs"].values()) for each in made.values() if "script" in each and "lang" in each]
    assert given and all(len(each) == 1 for each in given)
    assert {each["type"] for (each,) in given} <= {"Object", "any"}


def test_an_iteration_collects_what_code_gives_out_whole() -> None:
    flow = asked("python3", "kwargs", **TYPES)
    code = flow.graph.nodes.pop(1)
    each = Node("each", "iterate", "Each", inputs={"item": Ref("begin", ("q",))}, outputs={"all": Type("array")})
    each.params, each.body = {"collect": {"all": Ref("code", ("a",))}}, Graph([code], [Edge("each", "code", "body")])
    flow.graph = Graph([start(), each], [Edge("begin", "each")])
    written = dsl.write(flow, "ragflow")
    made = components(written.document)
    assert made["each"]["outputs"]["all"]["ref"] == "each_all@item"  # it looks for an output of this very name
    assert made["each_all"]["arguments"] == {"item": "code@returned.a"}
    assert made["each_all"]["script"] == "def main(item):\n    return item\n"
    assert "output.computed" in {note.code for note in written.notes}
    assert written.document["dsl"]["components"]["code"]["downstream"] == ["each_all"]


def native(script: str, lang: str = "python", **outputs: str) -> Flow:
    given = {name: {"type": word, "value": ""} for name, word in outputs.items()}
    code = {"lang": lang, "script": script, "arguments": {"q": "sys.query"}, "outputs": given}
    obj = {"component_name": "CodeExec", "params": code}
    begin = {"component_name": "Begin", "params": {}}
    says = {"component_name": "Message", "params": {"content": ["{C@" + next(iter(outputs)) + "}"]}}
    made = {
        "begin": {"obj": begin, "downstream": ["C"], "upstream": []},
        "C": {"obj": obj, "downstream": ["M"], "upstream": ["begin"]},
        "M": {"obj": says, "downstream": [], "upstream": ["C"]},
    }
    return dsl.read(json.dumps({"dsl": {"components": made, "history": [], "path": [], "retrieval": []}}))


def returned(flow: Flow, target: str, **given: Any) -> Any:
    """What Python returns there that is called as Dify and RAGFlow call it."""
    there: dict[str, Any] = {}
    (node,) = [node for node in nodes(dsl.read(dsl.write(flow, target).data)).values() if node.kind == "code"]
    exec(node.params["source"], there)
    return there["main"](**given)


@pytest.mark.parametrize(
    ("script", "word", "made"),
    [
        ("def main(q):\n    return q + '!'\n", "String", "a!"),
        ("def main(q):\n    return {'r': q}\n", "Object", {"r": "a"}),
        ("def main(q):\n    return {'r': q}\n", "String", "a"),  # as RAGFlow had it before 0.27
    ],
)
@pytest.mark.parametrize("target", ["dify", "coze", "n8n"])
def test_code_of_ragflow_with_one_output_returns_a_mapping_elsewhere(
    target: str, script: str, word: str, made: Any
) -> None:
    flow = native(script, r=word)
    assert returned(flow, target, q="a") == {"r": made}
    back = components(dsl.write(dsl.read(dsl.write(flow, target).data), "ragflow").document)
    (code,) = [each for each in back.values() if each.get("script")]
    assert code["script"] == script and list(code["outputs"]) == ["r"]
    assert "@r}" in str(back) and "@returned" not in str(back)


def test_code_of_ragflow_in_javascript_returns_a_mapping_elsewhere() -> None:
    source = "async function main({ q }) {\n  return q + 1;\n}\n"
    written = dsl.write(native(source, "javascript", r="Number"), "dify")
    (code,) = [node for node in nodes(dsl.read(written.data)).values() if node.kind == "code"]
    called = f"{code.params['source']}\nmain({{ q: 1 }}).then((made) => console.log(JSON.stringify(made)));\n"
    assert printed(called) == {"r": 2}


def test_older_code_of_ragflow_with_several_outputs_stays_what_it_is() -> None:
    script = "def main(q):\n    return {'a': q, 'b': 1}\n"
    flow = native(script, a="String", b="Number")
    assert nodes(flow)["C"].params["source"] == script
    made = components(ragflow.build(flow)[0])
    assert list(made["C"]["outputs"]) == ["a", "b"] and made["M"]["content"] == ["{C@a}"]
    assert components(dsl.write(flow, "ragflow").document)["C"]["script"] == script


@pytest.mark.parametrize("path", [path for path in FILES if "stock_market" in path.name])
def test_the_table_of_the_stock_market_template_has_its_name_on_dify(path: Path) -> None:
    made = returned(dsl.read(path.read_bytes()), "dify", input_text="| 2024-12-31 |\n| Total Assets | 1e6 |")
    assert list(made) == ["md_table"] and "1,000,000" in made["md_table"]


def run(lang: str, script: str, arguments: dict[str, Any]) -> Any:
    """What RAGFlow's sandbox makes of a script: it takes JavaScript as a module, and calls `main`."""
    if lang == "python":
        there: dict[str, Any] = {}
        exec(script, there)
        return there["main"](**arguments)
    called = f"module.exports.main({json.dumps(arguments)})"
    return printed(f"{script}\nPromise.resolve({called}).then((made) => console.log(JSON.stringify(made)));\n")


def printed(program: str) -> Any:
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, timeout=20)
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("lang", "style"), [key for key in SOURCES if key != ("python3", "items")])
def test_code_is_found_and_called_by_the_sandbox(lang: str, style: str) -> None:
    made = components(dsl.write(asked(lang, style, **TYPES), "ragflow").document)["code"]
    assert run(made["lang"], made["script"], {"q": "x"}) == {"a": "x", "n": [1]}


@pytest.mark.parametrize(
    "source",
    [
        "def main(q, n, xs, none):\n    return {'a': [q, n, xs, none]}\n",
        "function main({ q, n, xs, none }) {\n  return { a: [q, n, xs, none] }\n}",
        "const main = ({ q, n, xs, none }) => ({ a: [q, n, xs, none] })\n",
    ],
)
def test_a_constant_that_code_is_given_stands_in_the_code(source: str) -> None:
    lang = "python3" if source.startswith("def") else "javascript"
    flow = asked("python3", "kwargs", a=Type("array"))
    code = nodes(flow)["code"]
    code.params = {"lang": lang, "style": "kwargs", "source": source}
    code.inputs |= {"n": 0, "xs": ["a\n'", {"b": True}], "none": None}
    written = dsl.write(flow, "ragflow")
    made = components(written.document)["code"]
    assert made["arguments"] == {"q": "begin@q", "none": ""}  # RAGFlow takes an empty one as none
    assert run(made["lang"], made["script"], {"q": "x", "none": None}) == {"a": ["x", 0, ["a\n'", {"b": True}], None]}
    assert [note.severity for note in written.notes if note.code == "code.literal"] == ["equivalent"]
    again = nodes(dsl.read(written.data))["code"]
    assert again.params == code.params and again.inputs == code.inputs


EXPORTS = [
    "async function main({ q }) {\n  return q + 1;\n}\n\nmodule.exports = { main };\n",
    "const main = async ({ q }) => q + 1;\nexports.main = main",
    "module.exports = {\n  main: async ({ q }) => q + 1,\n};\n",
    "module.exports = async ({ q }) => q + 1;\n",
    "exports.main = async function ({ q }) {\n  return q + 1;\n};\n",
]


@pytest.mark.parametrize("source", EXPORTS)
def test_what_javascript_of_ragflow_hands_out_is_called_elsewhere_by_its_name(source: str) -> None:
    written = dsl.write(native(source, "javascript", r="Number"), "dify")
    (code,) = [node for node in nodes(dsl.read(written.data)).values() if node.kind == "code"]
    called = f"{code.params['source']}\nmain({{ q: 1 }}).then((made) => console.log(JSON.stringify(made)));"
    assert printed(f"new Function({json.dumps(called)})()") == {"r": 2}  # where there is no `module`
    back = components(dsl.write(dsl.read(written.data), "ragflow").document)
    (made,) = [each for each in back.values() if each.get("script")]
    assert list(made["outputs"]) == ["r"]
    assert printed(f"{made['script']}\n(module.exports.main ?? module.exports)({{ q: 1 }}).then(console.log);") == 2
