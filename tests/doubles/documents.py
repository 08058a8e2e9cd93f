"""Small PDF and DOCX files as an office would save them, and ones that are broken in a known way."""

import io
import zipfile
from collections.abc import Sequence

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
RELATIONSHIPS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
STYLES = (
    f'<w:styles {W}><w:style w:type="paragraph" w:styleId="a1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="a2"><w:name w:val="heading 2"/></w:style></w:styles>'
)


def paragraph(text: str, level: int = 0) -> str:
    style = f'<w:pPr><w:pStyle w:val="a{level}"/></w:pPr>' if level else ""
    return f"<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>"


def word_table(rows: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows]
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def docx(*body: str) -> bytes:
    parts = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": RELATIONSHIPS,
        "word/styles.xml": STYLES,
        "word/document.xml": f"<w:document {W}><w:body>{''.join(body)}</w:body></w:document>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def pdf_line(text: str, x: int, y: int) -> str:
    return f"BT /F1 12 Tf {x} {y} Td ({text}) Tj ET\n"


def pdf_table(rows: Sequence[Sequence[str]], top: int) -> str:
    """Rows of 20 points and columns of 100, ruled; the left edge at 72."""
    width, height = 100 * len(rows[0]), 20 * len(rows)
    across = [f"72 {top - 20 * n} m {72 + width} {top - 20 * n} l S\n" for n in range(len(rows) + 1)]
    down = [f"{72 + 100 * n} {top} m {72 + 100 * n} {top - height} l S\n" for n in range(len(rows[0]) + 1)]
    cells = [
        pdf_line(cell, 76 + 100 * column, top - 15 - 20 * row)
        for row, line in enumerate(rows)
        for column, cell in enumerate(line)
    ]
    return "".join([*across, *down, *cells])


def pdf(content: str, *, trailer: str = "", pages: str = "<</Type/Pages/Kids[3 0 R]/Count 1>>") -> bytes:
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        pages,
        page,
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    file, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"trailer<</Size 6/Root 1 0 R{trailer}>>\nstartxref\n{len(file)}\n%%EOF"
    return f"{file}xref\n0 6\n0000000000 65535 f \n{table}{end}".encode("latin-1")


def encrypted_pdf() -> bytes:
    """Wants a password: no key derived from the empty one opens it."""
    key = "00" * 32
    return pdf(
        pdf_line("secret", 72, 700),
        trailer=f"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{key}>/U<{key}>>>",
    )
