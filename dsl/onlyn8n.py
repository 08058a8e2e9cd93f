"""What n8n's code uses that only n8n has, and what stands for it elsewhere is not the same."""

import re
from collections.abc import Iterable

from dsl.ir import Script

_WORD = re.compile(
    r"""(?<![\w$.])(?:
      \$(?:workflow|vars|env|secrets|prevNode|parameter|today|jmespath|getWorkflowStaticData|binary|fromAI|
         if|ifEmpty|min|max|evaluateExpression|mode|nodeVersion|nodeId|webhookId|execution\.(?!id\b)\w+)\b
    | \$now\s*\.\s*(?!valueOf|toMillis|toISO\b|toJSON|toString)\w+
    | (?:DateTime|Duration|Interval)(?=\s*\.\s*\w+\s*\()
    | this\.helpers | getWorkflowStaticData(?=\s*\()
    )""",
    re.X,
)
_CLOCK = re.compile(r"\$now\b(?!\s*\.\s*(?:toMillis|valueOf)\b)")  # which are the same everywhere
CLOCK = "$now is told in UTC, not in the time zone of the workflow."
_STAND_INS = {
    "$execution.id": "$execution.id is another one in every step.",
    "$runIndex": "$runIndex is 0, in rounds too.",
}
_ASIDE = re.compile(  # what has no end ends with the line, or the code
    r"""//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|"(?:[^"\\\n]|\\(?:.|\n|\Z))*"?|'(?:[^'\\\n]|\\(?:.|\n|\Z))*'?"""
)
ADVICE = "Write the code without, or hand it what it needs."


def evaluated(message: str, scripts: Iterable[Script]) -> str:
    """What there is to say of expressions, with what else is to be said of these."""
    return f"{message} {CLOCK}" if any(_CLOCK.search(each.source) for each in scripts) else message


def told(params: dict[str, object]) -> str:
    """What there is to say of a code node with these parameters; empty: nothing."""
    if params.get("lang") != "javascript" or params.get("style") not in ("items", "item"):
        return ""
    source = _ASIDE.sub(" ", str(params.get("source", "")))
    fails = list(dict.fromkeys("".join(each.split()) for each in _WORD.findall(source)))
    said = [f"The code uses {', '.join(fails)}, which only n8n has: it fails when it runs."] if fails else []
    said += [each for word, each in _STAND_INS.items() if word in source]
    return " ".join([*said, CLOCK] if _CLOCK.search(source) else said)
