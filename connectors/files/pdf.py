"""`python -m connectors.files.pdf SECONDS`: a PDF on stdin, its text on stdout; exit code 3 when it is encrypted.

A process of its own, since a broken PDF can send its parser round in circles for ever: it ends itself when the
seconds are over, also when nobody waits for it any more, and gives its memory back.
"""

import faulthandler
import io
import sys
from collections.abc import Iterator
from typing import Any

import pdfplumber
from pdfminer.layout import LTTextBox
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfplumber.utils.exceptions import PdfminerException

from connectors.files.text import table

ENCRYPTED = 3


def main() -> None:
    faulthandler.dump_traceback_later(float(sys.argv[1]), exit=True)
    try:
        with pdfplumber.open(io.BytesIO(sys.stdin.buffer.read()), laparams={}) as document:
            text = "\n\n".join(block for page in document.pages for block in _blocks(page))
    except PdfminerException as error:
        if isinstance(error.args[0], PDFPasswordIncorrect):
            sys.exit(ENCRYPTED)
        raise
    sys.stdout.buffer.write(text.encode(errors="replace"))  # fonts may name halves of characters


def _blocks(page: Any) -> Iterator[str]:
    """Paragraphs and tables of one page, in reading order."""
    tables = [found for found in page.find_tables() if len(found.rows) > 1 and len(found.columns) > 1]
    shown = []
    for box in page.layout:
        if isinstance(box, LTTextBox):
            inside = {line: _table_around(line, tables, page.height) for line in box}
            if paragraph := "\n".join(line.get_text().strip() for line in box if not inside[line]).strip():
                yield paragraph
            for found in filter(None, inside.values()):
                if found not in shown:
                    shown.append(found)
                    yield table([[cell or "" for cell in row] for row in found.extract()])
    page.close()


def _table_around(line: Any, tables: list[Any], height: float) -> Any:
    """The table in whose box the middle of the line lies; pdfminer counts y upwards, pdfplumber downwards."""
    x, y = (line.x0 + line.x1) / 2, height - (line.y0 + line.y1) / 2
    for found in tables:
        left, top, right, bottom = found.bbox
        if left <= x <= right and top <= y <= bottom:
            return found
    return None


if __name__ == "__main__":
    main()
