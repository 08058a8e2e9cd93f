"""One typed function with a docstring is the whole definition of a tool: all its faces are made from it."""

import functools
import inspect
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from tools import ToolError
from tools.context import Context

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")  # what every platform and every model takes for the name of a tool


@dataclass(frozen=True)
class Tool:
    """What `tool` made of a function."""

    name: str
    summary: str  # one sentence
    description: str  # the whole docstring
    arguments: type[BaseModel]
    answer: type[BaseModel]
    function: Callable[..., BaseModel]

    def validated(self, given: dict[str, Any]) -> BaseModel:
        """BadArguments: they are not as the function wants them. What it does not know is passed over.

        Forms and models give lists and objects as JSON text, and nothing as an empty text.
        """
        try:
            return self.arguments.model_validate({name: self._meant(name, value) for name, value in given.items()})
        except ValidationError as error:
            raise BadArguments(self.name, error) from None

    def _meant(self, name: str, value: Any) -> Any:
        field = self.arguments.model_fields.get(name)
        if field is None or not isinstance(value, str) or _takes(cast(Any, field.annotation)):
            return value
        if not value.strip() and not field.is_required():
            return field.get_default()
        try:
            return json.loads(value) if value.lstrip()[:1] in ("{", "[") else value
        except (ValueError, RecursionError):
            return value

    def unknown(self, given: dict[str, Any]) -> list[str]:
        """Names that the function does not have: agents of n8n send `id`, `tool` and the like along."""
        return [name for name in given if name not in self.arguments.model_fields]

    def run(self, context: Context, arguments: BaseModel) -> BaseModel:
        return self.function(context, **{name: getattr(arguments, name) for name in type(arguments).model_fields})


@dataclass(frozen=True)
class Wrong:
    """What is wrong with one argument, by its path, as `rows.0.name`."""

    name: str
    message: str


class BadArguments(ToolError):
    """Arguments that a tool cannot take; `fields` says which."""

    def __init__(self, name: str, error: ValidationError) -> None:
        self.fields = [Wrong(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_url=False)]
        wrong = "; ".join(f"{each.name or 'the arguments'}: {each.message}" for each in self.fields[:5])
        super().__init__(f"{name} cannot take these arguments: {wrong}.")


@dataclass
class Registry:
    """The tools that are offered, by name."""

    tools: dict[str, Tool] = field(default_factory=dict)

    def add(self, functions: Iterable[Callable[..., BaseModel]]) -> None:
        """ToolError: a function is no tool, or one of its name is there."""
        for function in functions:
            made = tool(function)
            if made.name in self.tools:
                raise ToolError(f"There are two tools {made.name!r}: give one of them another name.")
            self.tools[made.name] = made


def tool(function: Callable[..., BaseModel]) -> Tool:
    """The tool that a function is. ToolError: it lacks a docstring or a type, or answers with something else.

    Its first parameter takes the `Context`; the others are what callers give, with `Annotated[..., Field(...)]` for
    bounds and descriptions. It answers with a pydantic model: all platforms take objects, and Coze nothing else.
    """
    name, words = function.__name__, inspect.getdoc(function) or ""
    hints = get_type_hints(function, include_extras=True)
    parameters = [*inspect.signature(function).parameters.values()]
    answer = hints.get("return")
    if untyped := [each.name for each in parameters if each.name not in hints]:
        raise ToolError(f"The tool {name!r} does not say of which type {', '.join(untyped)} is.")
    takes_context = parameters and hints[parameters[0].name] is Context
    if not (NAME.fullmatch(name) and words and takes_context):
        raise ToolError(f"The tool {name!r} needs a lower-case name, a docstring and a Context as its first parameter.")
    if not (isinstance(answer, type) and issubclass(answer, BaseModel)):
        raise ToolError(f"The tool {name!r} has to answer with a pydantic model.")
    fields: Any = {each.name: (hints[each.name], _default(each)) for each in parameters[1:]}
    arguments = create_model(_title(name), __config__=ConfigDict(extra="ignore"), **fields)
    return Tool(name, words.splitlines()[0], words, arguments, answer, function)


@functools.lru_cache(1024)
def _takes(annotation: Any) -> bool:
    """Whether any text is as good as another: not so for numbers, lists and the words of a choice."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return any(map(_takes, get_args(annotation)))
    return annotation is str


def _default(parameter: inspect.Parameter) -> Any:
    return ... if parameter.default is inspect.Parameter.empty else parameter.default


def _title(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
