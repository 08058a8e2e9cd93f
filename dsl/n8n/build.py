"""stub"""
from typing import Any
from dsl.ir import Flow
from dsl.notes import Note
def build(flow: Flow, **options: Any) -> tuple[Any, list[Note]]:
    return {}, []
