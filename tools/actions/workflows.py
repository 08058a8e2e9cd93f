"""Workflow files of one platform for another, as a tool: what `flowstill convert` and `check` do, over HTTP."""

import base64
from typing import Annotated, Literal

from pydantic import BaseModel, Field

import dsl
from dsl.report import report
from tools import ToolError
from tools.context import Context

Platform = Literal["dify", "coze", "n8n", "ragflow"]
Workflow = Annotated[
    str,
    Field(description="The workflow file's text as the platform exports it; of an archive its bytes in base64."),
]


class Told(BaseModel):
    """What does not travel unchanged."""

    severity: str = Field(description="equivalent, needs_binding, degraded, stub or dropped")
    code: str
    node: str = Field(description="The node's title, empty for what concerns the whole flow.")
    message: str
    suggestion: str


class Converted(BaseModel):
    """A workflow file, and what became of it on the way."""

    source: str = Field(description="The platform that the workflow comes from.")
    workflow: str = Field(description="The file's text for the target; of an archive its bytes in base64.")
    beside: dict[str, str] = Field(description="Workflows that it calls, each a file too, by name.")
    to_bind: list[str] = Field(description="What has to be chosen anew on the target: models, knowledge bases, tools.")
    notes: list[Told]


class Finding(BaseModel):
    """What a platform accepts and then fails on."""

    level: str = Field(description="error, warning or note")
    code: str
    node: str = Field(description="The node's title, empty for what concerns the whole flow.")
    pointer: str = Field(description="A JSON pointer to the place in the file.")
    message: str
    fix: str


class Checked(BaseModel):
    """What was found in a workflow file."""

    platform: str
    errors: int
    findings: list[Finding]


def convert_workflow(
    context: Context,
    workflow: Workflow,
    target: Annotated[Platform, Field(description="The platform that the workflow is for.")],
) -> Converted:
    """Turn a workflow file of Dify, Coze, n8n or RAGFlow into one of another of these platforms.

    The platform that it comes from is found out. Secrets are taken out, and all that does not travel unchanged is told.
    """
    flow = _read(workflow)
    written = dsl.write(flow, target)
    plain = report(flow, target, written)
    return Converted(
        source=flow.dialect,
        workflow=_text(written.data),
        beside={name: _text(data) for name, data in written.beside.items()},
        to_bind=[" ".join(filter(None, (each["kind"], each["name"] or each["id"]))) for each in plain["rebind"]],
        notes=[
            Told(severity=n.severity, code=n.code, node=n.title, message=n.message, suggestion=n.suggestion)
            for n in written.notes
        ],
    )


def check_workflow(context: Context, workflow: Workflow) -> Checked:
    """Find what Dify, Coze, n8n or RAGFlow accept in a workflow file and then fail on."""
    flow = _read(workflow)
    found = [
        Finding(level=f.level, code=f.code, node=f.title, pointer=f.pointer, message=f.message, fix=f.fix)
        for f in dsl.check(flow)
    ]
    return Checked(platform=flow.dialect, errors=sum(each.level == "error" for each in found), findings=found)


def _read(workflow: str) -> dsl.Flow:
    try:
        return dsl.read(_packed(workflow) if workflow.startswith(_ZIP) else workflow)
    except dsl.DslError as error:
        raise ToolError(f"workflow: {error}") from None


def _packed(archive: str) -> bytes:
    try:
        return base64.b64decode(archive, validate=True)
    except ValueError as error:
        raise ToolError(f"workflow: It begins like an archive in base64, and is none: {error}.") from None


_ZIP = base64.b64encode(b"PK\x03").decode()  # how each archive begins


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else base64.b64encode(data).decode()
