"""What Python code imports on Coze Studio, which has the standard library and not all of it."""

import ast
import sys

_NOT_THERE = frozenset({
    "curses", "dbm", "ensurepip", "fcntl", "grp", "idlelib", "lib2to3", "msvcrt", "multiprocessing", "pty", "pwd",
    "resource", "socket", "syslog", "termios", "threading", "tkinter", "tty", "turtle", "turtledemo", "venv", "winreg",
    "winsound",
})  # fmt: skip


def missing(source: str) -> list[str]:
    """The modules that are not there; none where the code cannot be read."""
    return sorted(name for name in _imported(source) if name in _NOT_THERE or name not in sys.stdlib_module_names)


def _imported(source: str) -> set[str]:
    try:
        nodes = [*ast.walk(ast.parse(source))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    found += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.split(".")[0] for name in found}
