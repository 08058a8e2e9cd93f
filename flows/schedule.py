"""Every loop at its times: exactly one run for each, also with two schedulers, a kill -9 and downtime.

APScheduler is only the clock. Its job store loses a job that is killed half way and fires twice with two
schedulers, so the truth is a row for each loop and fire time in the store: whoever writes it runs it.
"""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows import FlowError
from flows.config import Config, Loop
from flows.leases import is_dead, myself, take
from flows.store import Store

Run = Callable[[str, datetime], bool]  # loop, fire time -> it came to its end, well or badly

LOOK_BACK = timedelta(days=32)  # how old a missed fire may be and still be made up for
EVERY = 30.0  # seconds between two looks for runs whose owner died


class Schedule:
    """The loops of one config, their clocks, and what runs now. `start` returns; `stop` waits for the run to end."""

    def __init__(self, store: Store, run: Run, say: Callable[[str], None] = lambda text: None) -> None:
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        self.store, self.run, self.say, self.me = store, run, say, myself()
        self.since: dict[str, datetime] = {}
        self.locks: dict[str, threading.Lock] = {}
        self.clock = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(32)},
            # One look at a time for each loop; ticks that were missed meanwhile are one look, which sees them all.
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )

    def add(self, loop: str, trigger: object, began: datetime) -> None:
        """Fires of `trigger` after `began` belong to `loop`; those missed meanwhile are made up for by the latest."""
        self.since[loop], self.locks[loop] = began, threading.Lock()

        def look() -> None:
            self.look(loop, trigger)

        self.clock.add_job(look, trigger, id=loop)
        self.clock.add_job(look, "interval", seconds=EVERY, id=f"{loop} again", next_run_time=datetime.now(UTC))

    def look(self, loop: str, trigger: object) -> None:
        """Go on with runs whose owner died, then do what is due; nothing while someone else is at it."""
        if not self.locks[loop].acquire(blocking=False):
            return
        try:
            if not take(self.store, f"schedule:{loop}", self.me):
                self._look(loop, trigger)
        finally:
            self.store.release(f"schedule:{loop}", self.me)
            self.locks[loop].release()

    def _look(self, loop: str, trigger: object) -> None:
        for fire in self.store.fires(loop):
            if fire.status == "claimed" and is_dead(fire.owner):
                self.say(f"{loop}: going on with the run of {fire.time:%Y-%m-%d %H:%M:%S} UTC, whose process died")
                if self.store.take_over_fire(loop, fire.time, self.me, fire.owner):
                    self._do(loop, fire.time)
        due = due_fires(trigger, self._last(loop), datetime.now(UTC))
        for missed in due[:-1]:
            if self.store.claim_fire(loop, missed, self.me):
                self.store.end_fire(loop, missed, "skipped")
        if due and self.store.claim_fire(loop, due[-1], self.me):
            self.say(f"{loop}: run of {due[-1]:%Y-%m-%d %H:%M:%S} UTC")
            self._do(loop, due[-1])

    def _last(self, loop: str) -> datetime:
        fires = self.store.fires(loop)
        return max(fires[0].time if fires else self.since[loop], datetime.now(UTC) - LOOK_BACK)

    def _do(self, loop: str, fire: datetime) -> None:
        if self.run(loop, fire):
            self.store.end_fire(loop, fire, "done")

    def start(self) -> None:
        self.clock.start()

    def stop(self) -> None:
        self.clock.shutdown(wait=True)


def due_fires(trigger: object, after: datetime, now: datetime) -> list[datetime]:
    """The fire times of a trigger in (after, now], in UTC; daylight saving time is the trigger's own affair."""
    found: list[datetime] = []
    fire = trigger.get_next_fire_time(after, after + timedelta(microseconds=1))  # type: ignore[attr-defined]
    while fire and fire <= now:
        found.append(fire.astimezone(UTC))
        fire = trigger.get_next_fire_time(fire, fire + timedelta(microseconds=1))  # type: ignore[attr-defined]
    return found


def cron_trigger(loop: Loop, where: str) -> object:
    """The trigger of a loop's cron line, in its timezone; raises FlowError for a line that is none."""
    from apscheduler.triggers.cron import CronTrigger

    try:
        return CronTrigger.from_crontab(loop.cron, timezone=loop.timezone or None)
    except (ValueError, KeyError) as error:  # KeyError: an unknown timezone
        said = f"{where}: cron '{loop.cron}' {loop.timezone}: {error}."
        raise FlowError(f"{said} Five fields, as '0 3 * * *' for 3 at night.") from None


def run_scheduled(config: Config, store: Store, say: Callable[[str], None]) -> None:
    """Run every loop that has a cron, until SIGTERM or Ctrl-C; the run that is going on then ends in good order."""
    crons: Mapping[str, Loop] = {name: loop for name, loop in config.loops.items() if loop.cron}
    if not crons:
        raise FlowError(f"{config.path}: no loop has a cron, there is nothing to schedule.")
    runs = _Runs(config.path)
    schedule = Schedule(store, runs.run, say)
    for name, loop in crons.items():
        trigger = cron_trigger(loop, f"{config.path}: loops.{name}")
        schedule.add(name, trigger, began=datetime.now(UTC))
        upcoming = trigger.get_next_fire_time(None, datetime.now(UTC))  # type: ignore[attr-defined]
        say(f"{name}: next run at {upcoming:%Y-%m-%d %H:%M %Z}")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    schedule.start()
    stopped.wait()
    say("stopping; a run that is going on goes on when the schedule is started again")
    runs.stop()
    schedule.stop()


class _Runs:
    """Runs as processes of their own: their memory comes back, and they can be told to stop."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.children: set[subprocess.Popen[bytes]] = set()
        self.stopping = False
        self.lock = threading.Lock()

    def run(self, loop: str, fire: datetime) -> bool:
        """True when the run came to its end, well or badly; False when it was stopped and should go on later."""
        command = [sys.executable, "-m", "flows", "--config", str(self.config), "run", loop]
        with self.lock:
            if self.stopping:
                return False
            child = subprocess.Popen([*command, "--fire", fire.isoformat()], stdin=subprocess.DEVNULL)
            self.children.add(child)
        child.wait()
        with self.lock:
            self.children.discard(child)
        return not self.stopping

    def stop(self) -> None:
        with self.lock:
            self.stopping = True
            for child in self.children:
                child.terminate()
