"""When loops look: at once after a hint, without a pause while there is more, never after they were stopped."""

import asyncio
import threading

from broadcast.pace import Pace


async def test_a_hint_from_another_thread_makes_it_look_and_stopping_ends_it() -> None:
    pace, stop, looks = Pace(), asyncio.Event(), asyncio.Queue[int]()
    count = 0

    async def look() -> bool:
        nonlocal count
        count += 1
        looks.put_nowait(count)
        return count in {1, 2}

    pace.hint()  # before it runs: nothing happens
    running = asyncio.create_task(pace.keep(look, stop))
    assert [await looks.get() for _ in range(3)] == [1, 2, 3], "it said twice that there was more"
    hinting = threading.Thread(target=pace.hint)
    hinting.start()
    hinting.join()
    assert await looks.get() == 4
    assert await asyncio.wait_for(looks.get(), 30) == 5, "without a hint it looks after a while"
    stop.set()
    await asyncio.wait_for(running, 30)
    pace.hint()  # after it has ended, too
    await asyncio.sleep(0)
    assert looks.empty()


async def test_a_hint_during_a_look_is_not_lost() -> None:
    pace, stop, seen = Pace(), asyncio.Event(), []

    async def look() -> bool:
        seen.append(None)
        if len(seen) == 1:
            pace.hint()
        else:
            stop.set()
        return False

    await asyncio.wait_for(pace.keep(look, stop), 30)
    assert len(seen) == 2
