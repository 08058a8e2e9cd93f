"""The same asynchronous work for many items, so many at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def as_completed(
    items: Iterable[T], work: Callable[[T], Awaitable[R]], at_once: int, running: set[asyncio.Task[None]]
) -> AsyncIterator[R]:
    """Results as they complete; `items` are taken only as fast as they are worked on and fetched.

    The first error is raised once the work under way has ended and was yielded. `running` holds the
    tasks meanwhile, for whoever must end them when the caller walks away.
    """
    done: asyncio.Queue[R | asyncio.Task[None]] = asyncio.Queue()
    ahead = asyncio.Semaphore(2 * at_once)  # taken from `items` and not yet yielded
    source = iter(items)
    failed: list[asyncio.Task[None]] = []

    async def labour() -> None:
        while not failed:
            await ahead.acquire()
            try:
                item = next(source)
            except StopIteration:
                return
            done.put_nowait(await work(item))

    labourers = {asyncio.create_task(labour()) for _ in range(at_once)}
    running |= labourers
    for labourer in labourers:
        labourer.add_done_callback(done.put_nowait)
    left = at_once
    try:
        while left:
            one = await done.get()
            ahead.release()
            if not isinstance(one, asyncio.Task):
                yield one
                continue
            left -= 1
            if one.exception():
                failed.append(one)
        if failed:
            failed[0].result()
    finally:
        await cancel(labourers)
        running -= labourers


async def cancel(tasks: set[asyncio.Task[None]]) -> None:
    """End the tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
