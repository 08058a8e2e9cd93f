"""JavaScript hands its `main` out on RAGFlow, whose sandbox takes the file as a module; elsewhere it is called by name.

The line that does so is taken off when the code is read. Code that hands it out in another way gets lines around it for
the other platforms, which go when it is written again.
"""

import re

_LINE = "\nmodule.exports = { main };\n"
_PLAIN = re.compile(
    r"\n[ \t]*(?:module\.)?exports(?:\s*=\s*(?:main|\{\s*main(?:\s*:\s*main)?,?\s*\})|\.main\s*=\s*main)[ \t]*;?\s*\Z"
)
_ANY = re.compile(r"\bexports\b")
_BEFORE = "// flowstill:exports\nvar module = { exports: {} }, exports = module.exports;\n"
_AFTER = "\n// flowstill:exports\nvar main = module.exports.main || module.exports;\n"


def called(source: str) -> str:
    """Code of RAGFlow for platforms that call its `main`."""
    plain = source.removesuffix(_LINE) if source.endswith(_LINE) else _PLAIN.sub("\n", source)
    made_here = plain.startswith("// flowstill:")
    return _BEFORE + source + _AFTER if _ANY.search(plain) and not made_here else plain


def handed_out(source: str) -> str:
    """The same code as RAGFlow takes it."""
    if source.startswith(_BEFORE) and source.endswith(_AFTER):
        return source.removeprefix(_BEFORE).removesuffix(_AFTER)
    return source + _LINE


# -- a name for something else

_CONSTANT = re.compile(r"^(const|let) (?=main\b)", re.MULTILINE)
_VARIABLE = re.compile(r"^var /\*(const|let)\*/ (?=main\b)", re.MULTILINE)


def assignable(source: str) -> str:
    """JavaScript behind which `main` may be given another value."""
    return _CONSTANT.sub(r"var /*\1*/ ", source)


def constant(source: str) -> str:
    """The code as it was before `assignable`."""
    return _VARIABLE.sub(r"\1 ", source)
