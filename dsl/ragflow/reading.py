"""A component while it is read: its parameters, and how names in them are resolved."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dsl.ir import Node, Ref, Type, Value
from dsl.ragflow.tables import PARAMETERS, SWITCHES
from dsl.ragflow.text import read_bare, read_text
from dsl.ragflow.types import type_of
from dsl.values import words


@dataclass(frozen=True)
class Reading:
    """A component being read: what it becomes, its parameters, and how names are resolved."""

    node: Node
    params: dict[str, Any]
    find: Callable[[str], Ref | None]
    resource: Callable[[str, str, dict[str, Any]], str]
    place: str

    def text(self, name: str) -> Value:
        value = self.params.get(name)
        return read_text(value, self.find) if isinstance(value, str) else words(value)

    def prompt(self, value: Any) -> Value:
        """Text that is filled in name by name, as prompts are, and not piece by piece: it keeps its blanks."""
        return read_text(value, self.find, prompt=True) if isinstance(value, str) else words(value)

    def bare(self, value: Any) -> Value:
        return read_bare(value, self.find)

    def value(self, value: Any) -> Value:
        """A reference alone, text with references, or the values of a list or mapping."""
        if isinstance(value, str):
            alone = self.bare(value)
            return alone if alone is not value else read_text(value, self.find)
        if isinstance(value, dict):
            return {str(key): self.value(inner) for key, inner in value.items()}
        return [self.value(inner) for inner in value] if isinstance(value, list) else value

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.params.get(name)
        return {str(key): inner for key, inner in value.items()} if isinstance(value, dict) else {}

    def items(self, name: str) -> list[dict[str, Any]]:
        value = self.params.get(name)
        return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

    def outputs(self) -> dict[str, Type]:
        declared = self.mapping("outputs").items()
        return {name: type_of(each.get("type")) for name, each in declared if isinstance(each, dict)}

    def named_model(self, llm_id: str, **hint: Any) -> str:
        """The resource for `name@provider` or `name@instance@provider`."""
        before, _, provider = llm_id.rpartition("@")
        name = before.partition("@")[0] or before or llm_id
        known = {"provider": provider} if before else {}
        return self.resource("model", name, {"llm_id": llm_id} | known | hint)

    def model(self) -> dict[str, Value]:
        """Model and those of its parameters that are switched on."""
        name = self.params.get("llm_id")
        on = {key: self.params[key] for key in PARAMETERS if self.params.get(SWITCHES[key]) and key in self.params}
        made: dict[str, Value] = {"parameters": on}
        if isinstance(name, str) and name:
            made["model"] = self.named_model(name)
        window = self.params.get("message_history_window_size")
        return made | ({"memory": {"window": window}} if isinstance(window, int) and window > 0 else {})


def listing(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
