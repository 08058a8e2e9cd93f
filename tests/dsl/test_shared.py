"""What one conversion has written is no part of the next: who changes a document changes that one."""

import copy
from typing import Any

import pytest

import dsl
from dsl.ir import Node, OnError, Ref, Type
from tests.dsl import small
from tests.dsl.kitchen import kitchen_sink


def _emptied(value: Any) -> None:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _emptied(each)
    if isinstance(value, (dict, list)):
        value.clear()


def _flows() -> list[dsl.Flow]:
    """All kinds, and what is written by heart: kinds of files, a file that is sent, what stands for a failed answer."""
    given = {name: Type("file", file=name) for name in ("zip", "code", "custom", "image")} | {"any": Type("file")}
    ask = small.start(**given, files=Type("array", items=Type("file")))
    body = {"type": "form", "fields": [{"name": "f", "type": "file", "value": "https://example.com/a.png"}]}
    send = Node("send", "http", params={"method": "POST", "url": "https://example.com", "body": body})
    code = small.javascript("list", "return {l: [], o: {}}", {}, l=Type("array"), o=Type("object"))
    code.on_error = OnError("continue")
    out = small.end(l=(Ref("list", ("l",)), Type("array")))
    return [kitchen_sink(), small.flow("files", small.line(ask, send, code, out))]


@pytest.mark.parametrize("target", ["dify", "coze", "n8n", "ragflow"])
def test_who_changes_what_was_written_changes_no_later_conversion(target: str) -> None:
    before = [dsl.write(flow, target) for flow in copy.deepcopy(_flows())]
    for written in before:
        _emptied(written.document)
    after = [dsl.write(flow, target) for flow in _flows()]
    assert [written.data for written in after] == [written.data for written in before]
