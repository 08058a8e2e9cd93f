"""The public forms of well-known tokens: what is a secret wherever it stands."""

import re
from collections.abc import Iterator

# name: what every such token holds, for a look at long texts that costs little, and its form.
_FORMS: dict[str, tuple[tuple[str, ...], str]] = {
    "openai": (("sk-",), r"\bsk-[A-Za-z0-9_-]{16,}"),
    "stripe": (("k_live_", "k_test_"), r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    "github": (("gh", "github_pat_"), r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    "gitlab": (
        ("glpat-", "glptt-", "gldt-", "glrt-", "glsoat-"),
        r"\bgl(?:pat|ptt|dt|rt|soat)-[A-Za-z0-9_-]{16,}",
    ),
    "slack": (("xox",), r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "slack_hook": (("hooks.slack.com/services/",), r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/_-]{8,}"),
    "discord": (("/api/webhooks/",), r"(?<=/api/webhooks/)\d{6,}/[A-Za-z0-9_-]{16,}"),
    "telegram": ((":AA",), r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{30,}"),
    "aws": (("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "azure": (("AccountKey=",), r"(?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}"),
    "aliyun": (("LTAI",), r"\bLTAI(?=[A-Za-z]*\d)[A-Za-z0-9]{12,30}\b"),
    "tencent": (("AKID",), r"\bAKID[A-Za-z0-9]{32}\b"),
    "volcengine": (("AKLT",), r"\bAKLT[A-Za-z0-9]{30,}={0,2}"),
    "qianfan": (("bce-v3/",), r"\bbce-v3/ALTAK-[A-Za-z0-9]{10,}/[0-9a-f]{40}\b"),
    "google": (
        ("AIza", "GOCSPX-", "ya29."),
        r"\bAIza[0-9A-Za-z_-]{35}|\bGOCSPX-[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9_-]{20,}",
    ),
    "hugging_face": (("hf_",), r"\bhf_[A-Za-z0-9]{30,}"),
    "replicate": (("r8_",), r"\br8_[A-Za-z0-9]{30,}"),
    "groq": (("gsk_",), r"\bgsk_[A-Za-z0-9]{30,}"),
    "xai": (("xai-",), r"\bxai-[A-Za-z0-9]{30,}"),
    "tavily": (("tvly-",), r"\btvly-[A-Za-z0-9-]{16,}"),
    "sendgrid": (("SG.",), r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    "npm": (("npm_",), r"\bnpm_[A-Za-z0-9]{30,}"),
    "shopify": (("shp",), r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    "notion": (("ntn_", "secret_"), r"\b(?:ntn|secret)_[A-Za-z0-9]{36,}"),
    "airtable": (("pat",), r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    "atlassian": (("ATATT3",), r"\bATATT3[A-Za-z0-9_=-]{40,}"),
    "databricks": (("dapi",), r"\bdapi[0-9a-f]{32}\b"),
    "digitalocean": (("_v1_",), r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    "doppler": (("dp.",), r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,}"),
    "e2b": (("e2b_",), r"\be2b_[0-9a-f]{32,}"),
    "facebook": (("EAA",), r"\bEAA[A-Za-z0-9]{40,}"),
    "figma": (("figd_",), r"\bfigd_[A-Za-z0-9_-]{30,}"),
    "firecrawl": (("fc-",), r"\bfc-[0-9a-f]{32}\b"),
    "hubspot": (("pat-",), r"\bpat-[a-z]{2}\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "jina": (("jina_",), r"\bjina_[A-Za-z0-9_-]{40,}"),
    "langsmith": (("lsv2_",), r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    "linear": (("lin_api_",), r"\blin_api_[A-Za-z0-9]{32,}"),
    "mailchimp": (("-us",), r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    "mailgun": (("key-",), r"\bkey-[0-9a-f]{32}\b"),
    "perplexity": (("pplx-",), r"\bpplx-[A-Za-z0-9]{32,}"),
    "postman": (("PMAK-",), r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    "pinecone": (("pcsk_",), r"\bpcsk_[A-Za-z0-9_]{30,}"),
    "pypi": (("pypi-",), r"\bpypi-[A-Za-z0-9_-]{40,}"),
    "square": (("sq0",), r"\bsq0[a-z]{3}-[A-Za-z0-9_-]{22,}"),
    "supabase": (("sbp_", "sb_secret_"), r"\bsbp_[0-9a-f]{40}\b|\bsb_secret_[A-Za-z0-9_-]{20,}"),
    "twilio": (("SK",), r"\bSK[0-9a-f]{32}\b"),
    "vercel": (("vercel_",), r"\bvercel_[A-Za-z0-9]{24,}"),
    # Its second half: what begins with a sign that is rare is looked for fast.
    "zhipu": ((".",), r"\.(?<=\b[0-9a-f]{32}\.)[A-Za-z0-9]{16}\b"),
    # Addresses that take what anyone sends.
    "feishu_hook": (("/bot/v2/hook/",), r"(?<=/bot/v2/hook/)[A-Za-z0-9-]{16,}"),
    "teams_hook": (("/webhookb2/",), r"(?<=/webhookb2/)[A-Za-z0-9@/-]{36,}"),
    "make_hook": ((".make.com/",), r"(?<=\.make\.com/)[A-Za-z0-9]{24,}"),
    "zapier_hook": (("hooks.zapier.com/hooks/catch/",), r"(?<=hooks\.zapier\.com/hooks/catch/)\d+/\w+"),
    "zapier_mcp": (("mcp.zapier.com/api/mcp/s/",), r"(?<=mcp\.zapier\.com/api/mcp/s/)[A-Za-z0-9=_-]{20,}"),
    "webhook_secret": (("whsec_",), r"\bwhsec_[A-Za-z0-9+/]{20,}={0,2}"),
    "jwt": (("eyJ",), r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"),
    "n8n": (("n8n_api_",), r"\bn8n_api_[A-Za-z0-9]{20,}"),
    "dify": (("app-", "dataset-"), r"\b(?:app|dataset)-[A-Za-z0-9]{24}\b"),
    "ragflow": (("ragflow-",), r"\bragflow-[A-Za-z0-9]{30,}"),
    "coze": (("pat_", "sat_", "czs_"), r"\b(?:pat|sat|czs)_[A-Za-z0-9]{40,}"),
    "private_key": (
        ("PRIVATE KEY-----",),
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?:[^-]|-(?!----))*+-----END [A-Z ]*PRIVATE KEY-----|[\w+/=\s\\]{16,})",
    ),
    "bearer": (("earer ",), r"(?<=[Bb]earer )(?!auth[a-z]+\b)[A-Za-z0-9._~+/=-]{12,}"),
    "basic": (("asic ",), r"(?<=[Bb]asic )(?=[A-Za-z+/]*[0-9=])[A-Za-z0-9+/]{8,}={0,2}"),
    # A password may hold / and @; what begins with digits is a port and a path.
    "password": (("://",), r"(?<=://)[^\s/@:{}]*:(?!\d+[^\w@])[^\s{}?#,;\"'<>`]{1,200}(?=@)"),
}
Forms = tuple[tuple[str, tuple[str, ...], "re.Pattern[str]"], ...]
# Tokens are of ASCII: a Chinese letter right beside one is no part of it.
ALL: Forms = tuple((name, hints, re.compile(form, re.ASCII)) for name, (hints, form) in _FORMS.items())


def likely(joined: str) -> Forms:
    """The forms that a token in one of many texts can have."""
    return tuple(form for form in ALL if any(hint in joined for hint in form[1]))


def tokens(text: str, forms: Forms = ALL) -> Iterator[tuple[int, int, str]]:
    """Where a token begins and ends, and what it is."""
    for name, hints, form in forms:
        for hint in hints:
            if hint in text:
                yield from ((*match.span(), name) for match in form.finditer(text))
                break
