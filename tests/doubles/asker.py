"""A process that asks a teacher and can be killed: `python -m tests.doubles.asker URL JOURNAL COUNT`."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from connectors.teacher import Answer, Request, Teacher


class FileJournal:
    """A journal in a file: a line an answer, written at once."""

    def __init__(self, path: Path) -> None:
        lines = path.read_bytes().splitlines() if path.exists() else []
        self.keys = [msgspec.json.decode(line, type=tuple[str, Answer])[0] for line in lines]
        self._answers = dict(msgspec.json.decode(line, type=tuple[str, Answer]) for line in lines)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def answer(self, key: str) -> Answer | None:
        return self._answers.get(key)

    def put_answer(self, key: str, answer: Answer) -> None:
        os.write(self._file, msgspec.json.encode((key, answer)) + b"\n")

    def close(self) -> None:
        os.close(self._file)


async def main(url: str, journal: Path, count: int) -> None:
    kept = FileJournal(journal)
    asked = ((n, Request(messages=[{"role": "user", "content": f"Is it so, {n}?"}])) for n in range(count))
    async with Teacher(url, "stub", in_flight=8, journal=kept) as teacher:
        async for _ in teacher.ask_all(asked):
            pass
    kept.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
