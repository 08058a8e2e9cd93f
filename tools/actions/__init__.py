"""The tools that flowstill brings: one typed function each, a module a family."""

from tools.actions.knowledge import search_knowledge
from tools.actions.workflows import check_workflow, convert_workflow

BUILT_IN = (search_knowledge, convert_workflow, check_workflow)
