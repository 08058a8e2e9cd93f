"""Markdown, HTML, PDF and DOCX to text with its headings and tables.

mammoth, markdownify and pdfplumber are called directly: markitdown calls the same for these formats, but
loads onnxruntime to guess file types, which costs a second and 140 MB of memory at each start.
"""

import importlib.util
import io
import re
import subprocess
import sys
import warnings
import zipfile
import zlib
from typing import Any
from xml.parsers.expat import ExpatError

import yaml

from connectors import ServiceError, missing_extra
from connectors.files.text import Text, decode, plain_newlines

UNPACKED = 40 * 2**20  # bytes of XML in a DOCX; parsed, they take thirty to seventy times as much memory
XML = re.compile(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff|\0?[<\s]")  # how it begins, by the parser that mammoth uses
TITLE = 200  # characters of a title that every passage carries
MATTER = 64 * 1024  # bytes of front matter
# Possessive (++), since what is no picture after all must not be tried again from every length of it.
_DATA = r"data:[\w.+-]++/[\w.+-]++(?:;[\w.=-]++)*+,[^\s()<>\"']{100,}+"  # a file in the text; shorter ones cost little
EMBEDDED = re.compile(
    rf"<img\b[^<>]*?{_DATA}[^<>]*+>"
    rf"|!?\[(?P<shown>[^\[\]]*)\]\(<?{_DATA}>?(?:\s[^()]*)?\)"  # a picture or a link, of which its words stay
    rf"|^ {{0,3}}\[(?P<label>[^\[\]\n]+)\]:[ \t]*<?{_DATA}.*$"  # one that is referred to from elsewhere
    rf"|{_DATA}",
    re.MULTILINE,
)
ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
REFERRED = re.compile(r"!?\[([^\[\]]*)\](?:\[([^\[\]]*)\])?")
PDF_SECONDS = 60.0  # a PDF may take, and as many again for each MiB of it; a page takes about 0.05
DROPPED = (
    "script, style, noscript, template, svg, iframe, nav, footer, aside, [role=navigation], [hidden],"
    ".toc, .navheader, .navfooter"  # DocBook's
)


def plain(data: bytes, where: str) -> Text:
    return Text(decode(data, where), markdown=False)


def markdown(data: bytes, where: str) -> Text:
    """Front matter is metadata: only its title is used. Pictures inside the text are no text, and left out."""
    text = _without_files(decode(data, where))
    closing = text.find("\n---\n", 3, MATTER) if text.startswith("---\n") else -1
    matter = _mapping(text[4 : closing + 1]) if closing >= 0 else {}
    title = matter.get("title", "")
    title = title[:TITLE] if isinstance(title, str) else ""
    return Text(text, title=title, start=closing + 5 if matter else 0)


def _without_files(text: str) -> str:
    """The words that stand for files inside the text, where those stood."""
    labels = {found["label"].casefold() for found in EMBEDDED.finditer(text) if found["label"]}
    text = EMBEDDED.sub(_words_of, text)
    return REFERRED.sub(lambda found: _unlinked(found, labels), text) if labels else text


def _words_of(found: re.Match[str]) -> str:
    alt = ALT.search(found[0]) if found[0].startswith("<") else None
    return alt[1] or alt[2] or "" if alt else found["shown"] or ""


def _unlinked(found: re.Match[str], labels: set[str]) -> str:
    return found[1] if (found[2] or found[1]).casefold() in labels else found[0]


def _mapping(source: str) -> dict[str, Any]:
    """Empty unless the text is a YAML mapping: text between two horizontal rules is no front matter."""
    try:
        matter = yaml.load(source, yaml.BaseLoader)  # every value a string: a wrong date is no concern here
    except (yaml.YAMLError, RecursionError):
        return {}
    return matter if isinstance(matter, dict) else {}


def html(data: bytes, where: str) -> Text:
    try:
        from bs4.dammit import EncodingDetector
    except ImportError:
        raise missing_extra("files", f"{where}: reading HTML") from None
    declared = EncodingDetector.find_declared_encoding(data, is_html=True, search_entire_document=False)
    return _from_html(decode(data, where, declared or ""), where)


def _from_html(source: str, where: str) -> Text:
    try:
        from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning
        from bs4.exceptions import ParserRejectedMarkup
        from markdownify import ATX, MarkdownConverter
    except ImportError:
        raise missing_extra("files", f"{where}: reading HTML") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)  # XHTML is read as HTML on purpose
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)  # a page may say no more than a name
        try:
            soup = BeautifulSoup(source, "lxml")  # closes what a page may leave open, and in time about its length
        except ParserRejectedMarkup as error:
            raise ServiceError(f"{where}: is not HTML that can be read: {error}") from None
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    converter = MarkdownConverter(
        heading_style=ATX,
        table_infer_header=True,
        escape_asterisks=False,  # the text is read by people and models, not rendered
        escape_underscores=False,
    )
    try:
        text = converter.convert_soup(_content(soup)).strip("\n")
    except RecursionError:
        raise ServiceError(f"{where}: its elements are nested too deeply. Save it anew from a browser.") from None
    return Text(plain_newlines(text), title=title)


def _content(soup: Any) -> Any:
    """What the page says: without navigation, scripts, pictures, and links that lead nowhere from here."""
    for element in soup.select(DROPPED):
        element.decompose()
    for picture in soup("img"):
        picture.replace_with(picture.get("alt") or "")
    for link in soup("a"):
        if not str(link.get("href", "")).startswith(("http://", "https://", "mailto:")):
            link.unwrap()
    for said in soup.find_all(string=re.compile(r"\|")):
        if said.find_parent(["td", "th"]):
            said.replace_with(said.replace("|", r"\|"))
    return soup.find("main") or soup.body or soup


def docx(data: bytes, where: str) -> Text:
    try:
        import mammoth
    except ImportError:
        raise missing_extra("files", f"{where}: reading DOCX") from None
    _check_unpacked_size(data, where)
    no_pictures = mammoth.images.img_element(lambda image: {})
    try:
        page = mammoth.convert_to_html(
            io.BytesIO(data),
            convert_image=no_pictures,
            include_embedded_style_map=False,  # which would be unpacked at once, however large
        ).value
    except BROKEN_DOCX:
        raise ServiceError(f"{where}: is a broken DOCX file. Open and save it anew, or exclude it.") from None
    return _from_html(page, where)


BROKEN_DOCX = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ExpatError,
    RuntimeError,  # encrypted, packed in a rare way, or nested too deeply
    OSError,  # a part is missing
    LookupError,
    ValueError,
    TypeError,  # an attribute is missing
    AttributeError,
)


def _check_unpacked_size(data: bytes, where: str) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except BROKEN_DOCX:
        hint = "it is encrypted or an old .doc" if data.startswith(b"\xd0\xcf\x11\xe0") else "it is broken"
        raise ServiceError(f"{where}: is not a DOCX file; {hint}. Save it as .docx without a password.") from None
    parts = archive.infolist()
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise ServiceError(f"{where}: is packed in a rare way. Open and save it anew.")  # and unpacked without a bound
    size = sum(part.file_size for part in parts if _may_be_xml(archive, part))
    if size > UNPACKED:
        raise ServiceError(f"{where}: unpacks to {size >> 20} MiB, over {UNPACKED >> 20}. Split it, or exclude it.")


def _may_be_xml(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """By its content: any part may be the text, whatever it is called, and pictures of any size may stay.

    A part that is larger than it says is cut off by zipfile, whose checksum then fails.
    """
    try:
        with archive.open(part) as opened:
            return bool(XML.match(opened.read(3)))
    except BROKEN_DOCX:
        return False  # nor can mammoth open it


def pdf(data: bytes, where: str) -> Text:
    """A blank line between paragraphs; ruled tables as Markdown. A PDF knows no headings."""
    if not importlib.util.find_spec("pdfplumber"):
        raise missing_extra("files", f"{where}: reading PDF")
    seconds = PDF_SECONDS * (1 + len(data) / 2**20)
    command = [sys.executable, "-P", "-m", "connectors.files.pdf", str(seconds)]
    child = subprocess.run(command, input=data, capture_output=True)
    if child.returncode == 3:  # its word for it
        raise ServiceError(f"{where}: is encrypted. Save a copy without a password, or exclude it.")
    if child.returncode:
        last_words = child.stderr.decode(errors="replace").strip()
        endless = last_words.startswith("Timeout")
        said = last_words.rpartition("\n")[2].partition(": ")[2]  # after the name of the exception
        reason = f"no end of it after {seconds:.0f} s" if endless else said or "its reader broke off"
        raise ServiceError(f"{where}: is a broken PDF file ({reason}). Print it to a new PDF, or exclude it.")
    if not child.stdout.strip():
        raise ServiceError(f"{where}: has no text, only pictures of it. Run OCR on it, or exclude it.")
    return Text(plain_newlines(child.stdout.decode()), markdown=False)
