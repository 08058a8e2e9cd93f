"""The page of the tools: what it says, what it gives to paste, and that no words of a tool become a part of it."""

import json
import re
from html.parser import HTMLParser
from typing import Annotated

import pytest
from flask.testing import FlaskClient
from pydantic import Field

import dsl
from tests.tools.offered import Bill, context, may_call, registry
from tools.app import create_app
from tools.context import Context

HOSTILE = "</script><img src=x onerror=alert(1)>"


def odd_words(context: Context, what: Annotated[str, Field(description=HOSTILE)] = HOSTILE) -> Bill:
    """</pre><script>alert(1)</script> in words that people wrote."""
    return Bill(total=0, rows=[])


class Page(HTMLParser):
    """Its elements, and the texts between <pre> and </pre>."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.pasted: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag == "pre":
            self.pasted.append("")

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1] == "pre":
            self.pasted[-1] += data


@pytest.fixture
def client() -> FlaskClient:
    made = registry()
    made.add([odd_words])
    return create_app(made, context(), may_call).test_client()


def test_each_tool_is_shown_with_its_arguments(client: FlaskClient) -> None:
    page = client.get("/docs").get_data(as_text=True)
    for words in (
        "search_knowledge",
        "Find the passages of a knowledge base that fit a question best.",
        'name="top_k"',
    ):
        assert words in page


def test_nodes_to_paste_are_json_with_the_address_that_was_asked(client: FlaskClient) -> None:
    page = Page(client.get("/docs", base_url="http://flowstill:8020").get_data(as_text=True))
    pasted = [json.loads(text) for text in page.pasted if text.startswith("{")]
    urls = {each["nodes"][0]["parameters"].get("url") for each in pasted if "nodes" in each}
    assert "http://flowstill:8020/tools/search_knowledge" in urls
    (editors,) = [each["mcpServers"] for each in pasted if "mcpServers" in each]
    assert editors["flowstill"]["url"] == "http://flowstill:8020/mcp"


def test_words_of_a_tool_are_words_on_the_page(client: FlaskClient) -> None:
    answer = client.get("/docs")
    page = Page(answer.get_data(as_text=True))
    assert (page.elements.count("script"), page.elements.count("img")) == (1, 0)
    nonce = re.findall(r'nonce="([\w-]+)"', answer.get_data(as_text=True))
    assert {*nonce} and all(f"'nonce-{each}'" in answer.headers["Content-Security-Policy"] for each in nonce)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("platform", ["dify", "coze", "n8n", "ragflow"])
def test_a_workflow_to_import_is_one_click_away(client: FlaskClient, platform: str) -> None:
    answer = client.get(f"/workflows/{platform}/search_knowledge")
    assert dsl.sniff(answer.data) == platform
    assert f"search_knowledge.{platform}." in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("path", ["/workflows/make/search_knowledge", "/workflows/n8n/nothing"])
def test_a_workflow_that_there_is_not_is_told(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, "There is no workflow of" in answer.get_json()["error"]) == (404, True)
