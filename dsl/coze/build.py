from typing import Any

from dsl.ir import Flow


def build(flow: Flow) -> tuple[Any, list[Any]]:
    return {}, []
