"""How fast one endpoint may be asked: slots in flight, pauses it wishes, and when to give it up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

SLOWER = 0.75  # of the slots, when the server says that it is too much
OUTAGE = 120.0  # seconds: a server that starts anew, or a limit by the minute, is over by then
PROBE = 5.0  # seconds between two calls while nothing is answered


class Pace:
    """Slots for calls in flight: fewer after `too_fast`, one more after as many good calls as slots."""

    def __init__(self, most: int, patience: int) -> None:
        self._most = most
        self._patience = patience  # calls in a row that may fail
        self._slots = float(most)
        self._in_flight = 0
        self._failing = 0
        self._since = 0.0  # when the first of them failed
        self.down = False  # nothing is answered: one call at a time finds out whether that is over
        self._good = 0
        self._slowed = 0.0  # when, by the monotonic clock
        self._resume = 0.0
        self._freed = asyncio.Event()
        self._stopped = asyncio.Event()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[float]:
        """One call's place; gives the time it starts. Returns at once when stopped."""
        await self._turn()
        self._in_flight += 1
        try:
            yield time.monotonic()
        finally:
            self._in_flight -= 1
            self._freed.set()

    async def _turn(self) -> None:
        while not self._stopped.is_set():
            pause = self._resume - time.monotonic()
            if pause > 0:
                await self.sleep(pause)
            elif self._in_flight >= self._room():
                self._freed.clear()
                await self._freed.wait()
            else:
                return

    def _room(self) -> int:
        """Calls under way could fail too: they count, so that no more than `patience` are wasted."""
        return 1 if self.down else min(int(self._slots), self._patience - self._failing)

    def good(self) -> None:
        self._failing = 0
        self.down = False
        self._good += 1
        if self._good >= self._slots:
            self._good = 0
            self._slots = min(self._slots + 1, float(self._most))
        self._freed.set()

    def bad(self, away: bool = False) -> bool:
        """Count a failed call; True when patience is at an end. Who is `away` has OUTAGE seconds to come back."""
        now = time.monotonic()
        self._since = now if self._failing == 0 else self._since
        self._failing += 1
        at_an_end = self._failing >= self._patience
        self.down = at_an_end and away and now - self._since < OUTAGE
        return at_an_end and not self.down

    def too_fast(self, sent: float) -> None:
        """Fewer slots, once for all the calls that were sent before the server's first complaint."""
        if sent > self._slowed:
            self._slowed = time.monotonic()
            self._slots = max(self._slots * SLOWER, 1.0)
            self._good = 0

    def pause(self, seconds: float) -> bool:
        """No call starts for so long; True unless calls were held back already."""
        now = time.monotonic()
        fresh = self._resume <= now
        self._resume = max(self._resume, now + seconds)
        return fresh

    def stop(self) -> None:
        """Wake all who wait: no slot is worth waiting for any more."""
        self._stopped.set()
        self._freed.set()

    async def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until `stop`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
