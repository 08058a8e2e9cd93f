"""Coze's code nodes take TypeScript, the other platforms JavaScript: types go into comments, and out of them again.

`async function main({ params }: Args): Promise<Output>` becomes `main({ params }/*ts: Args*/)/*ts: Promise<Output>*/`.
This is no parser: it knows the places where people write types, and leaves strings and comments alone.
"""

import re

_IN = r"[^<>;(){}]"
_GENERIC = rf"<{_IN}*(?:<{_IN}*>{_IN}*)*>"
_WORD = "string|number|boolean|any|unknown|object|void|never|Args|Output"
_PLAIN = rf"(?:{_WORD}|(?:Array|Record|Promise|Map|Set){_GENERIC})"
_SURE = rf"{_PLAIN}(?:\[\])*(?:\s*\|\s*(?:{_PLAIN}|null|undefined)(?:\[\])*)*"  # a type, and no name of a value
_NAMED = rf"(?:{_SURE}|[A-Z]\w*(?:{_GENERIC})?(?:\[\])*)"
_TYPES = re.compile(
    rf"""
      (?P<text> "(?:\\.|[^"\\\n])*"? | '(?:\\.|[^'\\\n])*'? | `(?:\\.|[^`\\])*`?
              | //[^\n]* | /\*(?:[\s\S]*?\*/|[\s\S]*) )
    | (?P<variable> \b(?:const|let|var)\s+\w+ )
        (?P<of_variable> \s*:\s*(?:[\w.<>\[\]|, ]|\{{[^{{}}=;]*\}})+? ) (?=\s*[=;])
    | (?P<result> \) ) (?P<of_result> \s*:\s*{_NAMED} ) (?=\s*(?:=>|\{{))
    | (?P<taken> \}}\s* ) (?P<of_taken> :\s*{_SURE} ) (?=\s*[,)])
    | (?P<argument> [(,]\s*\w+ ) (?P<of_argument> \??\s*:\s*{_SURE} ) (?=\s*[,)=])
    | (?P<value> [\w)\]}}] ) (?P<of_value> \s+as\s+(?:const|{_NAMED}) ) (?=\s*[;,)\]}}.\n])
    """,
    re.VERBOSE,
)
_COMMENT = re.compile(r"/\*ts((?:\??\s*:|\s+as\s)[^*]*)\*/")
MORE = "It is TypeScript, which does not run here, beyond what its types' places tell."
ADVICE = "Write it as JavaScript."
_MORE = re.compile(r"(?m)^[^\S\n]*(?:export\s+)?(?:interface\s+\w+|type\s+\w+\s*=|enum\s+\w+)|\bfunction\s+\w+\s*<\w")


def hidden(source: str) -> str:
    """The source as JavaScript, its types in comments."""
    return _TYPES.sub(_hide, source)


def _hide(match: "re.Match[str]") -> str:
    if match["text"] is not None:
        return match[0]
    place = next(name for name, said in match.groupdict().items() if said is not None)
    return f"{match[place]}/*ts{match[f'of_{place}']}*/"


def shown(source: str) -> str:
    """The source as it was before `hidden`."""
    return _COMMENT.sub(r"\1", source)


def has_more(source: str) -> bool:
    """Whether there is more of TypeScript in it than `hidden` knows."""
    return bool(_MORE.search(source))
