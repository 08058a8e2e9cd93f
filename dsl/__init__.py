"""Workflow files of Dify, Coze, n8n and RAGFlow and their common form. Pure: strings in, strings and notes out."""


class DslError(Exception):
    """A workflow file that cannot be read or written; the message names the file, the place and what to do."""
