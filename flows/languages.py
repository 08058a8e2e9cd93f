"""Languages by their ISO 639-1 codes, and the script each is written in."""

# Languages are told apart by their script alone, so these are all one.
LATIN = (
    "aa af ak an ay az bi bm br bs ca ch co cs cy da de ee en eo es et eu ff fi fj fo fr fy ga gd gl gn gv ha ho hr "
    "ht hu hz ia id ie ig ik io is it jv kg ki kj kl kr kw la lb lg li ln lt lu lv mg mh mi ms mt na nb nd ng nl nn "
    "no nr nv ny oc om pl pt qu rm rn ro rw sc se sg sk sl sm sn so sq ss st su sv sw tk tl tn to tr ts tw ty uz ve "
    "vi vo wa wo xh yo za zu"
)
LANGUAGE_SCRIPTS = {"zh": "han", "ja": "kana", "ko": "hangul", "el": "greek", "he": "hebrew", "th": "thai"}
LANGUAGE_SCRIPTS |= dict.fromkeys(("ru", "uk", "bg", "sr", "be", "mk"), "cyrillic")
LANGUAGE_SCRIPTS |= dict.fromkeys(("ar", "fa", "ur"), "arabic") | dict.fromkeys(("hi", "mr", "ne"), "devanagari")
LANGUAGE_SCRIPTS |= dict.fromkeys(LATIN.split(), "latin")


def script_of(language: str) -> str:
    """Of a code, perhaps with a region as `zh-TW`; empty for one that is not known."""
    return LANGUAGE_SCRIPTS.get(language.partition("-")[0], "")
