"""Does an answer only say that nobody knows?"""

import re

_MATERIAL = r"(passages?|texts?|context|documents?|handbook|manual|guide|material|source)"

# `Sorry, no dogs on board`, `we cannot refund it` and `breakfast is not provided` are answers.
_REFUSAL = re.compile(
    r"^\W*((no|i am|i'm|we are|very|so|but|sorry|apologies|unfortunately|based on|according to|the|this|given|provided"
    rf"|{_MATERIAL})\W+)*"
    r"((i|we) (do not|don't|cannot|can't|could not|couldn't|am unable to|are unable to|am not able to) "
    r"(know|say|tell|answer|find|determine|help with|assist with)\b"
    r"|as an ai\b"
    rf"|{_MATERIAL} (do not|does not|doesn't|don't) (say|state|mention|specify|provide|contain|tell|give|include)\b"
    r"|((it|this|that) is )?not (mentioned|stated|specified|provided) in the\b"
    r"|(there is )?no (information|mention)( (about|on|of|as to|regarding|available|given|in the)\b|\W*$))"
    r"|^\W*(很?(抱歉|对不起)\W*)?(我们?)?(不知道|无法(回答|确定|从|得知))"
    r"|^\W*(很?(抱歉|对不起)\W*)?(根据)?(文中|资料|文档|本文|段落|原文|上文)[里中]?并?(没有|未|没)(提|说|给|包含|涉及)",
    re.IGNORECASE,
)


def is_refusal(answer: str) -> bool:
    """True for an answer that is nothing but a refusal, in English or Chinese."""
    return bool(_REFUSAL.search(answer))
