"""A scheduler of one loop whose runs only take time: `python -m tests.doubles.scheduler STATE SECONDS`.

It writes a line to STATE/log when a run begins, ends or is stopped: word, fire time, process id, time.
"""

import os
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from apscheduler.triggers.cron import CronTrigger

from flows.cron import Times
from flows.leases import only_one
from flows.schedule import Schedule
from flows.store import open_store


def main(state: Path, seconds: float) -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stopping.set).start())
    store = open_store(state)

    def log(word: str, fire: datetime) -> None:
        with (state / "log").open("a") as file:
            file.write(f"{word} {fire:%H:%M:%S} {os.getpid()} {time.time():.3f}\n")

    def run(loop: str, fire: datetime) -> bool:
        with only_one(store, f"loop:{loop}", "a run"):  # raises if two ever overlap
            log("begin", fire)
            if stopping.wait(seconds):
                log("stopped", fire)
                return False
            log("end", fire)
            return True

    schedule = Schedule(store, run, lambda text: print(text, file=sys.stderr))  # noqa: T201
    schedule.add("support", Times(CronTrigger(second="*", timezone="UTC")))
    schedule.start()
    stopping.wait()
    schedule.stop()
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
