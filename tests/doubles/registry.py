"""A model registry in memory, with faults on demand."""

from pathlib import Path

from connectors import ServiceError


class FakeRegistry:
    """Knows names, aliases and files; a verb in `broken` fails, for one name only if it is `verb name`."""

    def __init__(self, answer: str = "Hello.") -> None:
        self.answer = answer
        self.files: dict[str, Path] = {}
        self.aliases: dict[str, str] = {}
        self.broken: set[str] = set()

    def register(self, name: str, gguf: Path) -> None:
        self._may("register", name)
        self.files[name] = gguf

    def chat(self, name: str, messages: list[dict[str, str]], max_tokens: int) -> str:
        self._may("chat", name)
        return self.answer

    def point(self, alias: str, name: str) -> None:
        self._may("point", name)
        assert name in self.files
        self.aliases[alias] = name

    def current(self, alias: str) -> str | None:
        self._may("current", alias)
        return self.aliases.get(alias)

    def release(self, alias: str) -> None:
        self._may("release", alias)
        self.aliases.pop(alias, None)

    def names(self) -> list[str]:
        return sorted(self.files)

    def remove(self, name: str) -> None:
        assert name not in self.aliases.values()
        del self.files[name]

    def _may(self, verb: str, name: str) -> None:
        if {verb, f"{verb} {name}"} & self.broken:
            raise ServiceError(f"llama-server cannot be reached: {verb} {name}.")
