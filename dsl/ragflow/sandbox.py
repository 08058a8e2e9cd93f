"""What RAGFlow's sandbox refuses in code before it runs any of it (its services/security.py, August 2026)."""

import ast
import re
from collections.abc import Iterator

_MODULES = {
    *("os", "subprocess", "sys", "shutil", "socket", "ctypes", "pickle", "threading", "multiprocessing", "asyncio"),
    *("ftplib", "telnetlib", "builtins"),
}
_CALLS = {
    *("eval", "exec", "open", "__import__", "compile", "input", "system", "popen", "remove", "rename", "rmdir"),
    *("chdir", "chmod", "chown", "getattr", "setattr", "globals", "locals", "ctypes"),
}
_JAVASCRIPT = {
    **{name: rf"\brequire\s*\(\s*['\"`]{name}['\"`]\s*\)" for name in ("child_process", "fs", "worker_threads")},
    "eval()": r"\beval\s*\(",
    "Function()": r"\bFunction\s*\(",
    "process.binding()": r"\bprocess\s*\.\s*binding\s*\(",
}


def refused(lang: str, source: str) -> list[str]:
    """What it refuses, as it stands in the code; it goes by names alone, so a list's `remove` is refused, too."""
    if lang == "javascript":
        return [name for name, pattern in _JAVASCRIPT.items() if re.search(pattern, source)]
    try:
        every = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ["what is no Python"]
    return list(dict.fromkeys(name for each in every for name in _names(each)))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] in _MODULES)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _MODULES:
        yield str(node.module)
    elif isinstance(node, ast.Call) and _called(node.func) in _CALLS:
        yield f"{_called(node.func)}()"
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _MODULES:
        yield f"{node.value.id}.{node.attr}"
    elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant):
        yield ast.unparse(node)  # two constants: a name may be put together so
    elif isinstance(node, ast.FunctionDef) and node.name in _CALLS:
        yield f"a function called {node.name}"
    elif isinstance(node, ast.Assign):
        yield from (f"{each.id} =" for each in node.targets if isinstance(each, ast.Name) and each.id in _CALLS)


def _called(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
