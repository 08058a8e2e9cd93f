"""Typed functions offered to low-code platforms over HTTP, OpenAPI and MCP."""


class ToolError(Exception):
    """A tool call that cannot be answered; the message names the argument and what to do."""
