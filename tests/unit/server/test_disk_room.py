"""Looking at the room that is left."""

import asyncio

from coordsvc.base.errors import DiskFailed
from coordsvc.server.disk_room import RoomWatch


class Notes:
    """A driver, its replica and a log in one."""

    def __init__(self):
        self.replica = self
        self.seen = []
        self.turns = 0
        self.warnings = []

    def measured(self, free_bytes):
        self.seen.append(free_bytes)

    def schedule(self):
        self.turns += 1

    def warning(self, event, **fields):
        self.warnings.append((event, fields))


async def watched(answers):
    """Watch a disk that gives these answers; return what was told."""
    notes = Notes()
    given = iter(answers)
    done = asyncio.get_running_loop().create_future()

    def look():
        answer = next(given, None)
        if answer is None:
            if not done.done():
                done.get_loop().call_soon_threadsafe(done.set_result, None)
            return -1
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = RoomWatch(notes, look, notes, every_s=0)
    watch.start()
    async with asyncio.timeout(5):
        await done
    await watch.close()
    return notes


async def test_the_replica_is_told_of_each_look_and_has_a_turn():
    notes = await watched([5, 7, 7])
    assert notes.seen[:3] == [5, 7, 7]
    assert notes.turns == len(notes.seen)


async def test_a_disk_that_does_not_tell_is_warned_of_once_each_time():
    sick = DiskFailed("statvfs")
    notes = await watched([5, sick, sick, 6, sick])
    assert notes.seen[:2] == [5, 6]
    assert len(notes.warnings) == 2


async def test_what_never_began_is_closed():
    await RoomWatch(Notes(), lambda: 0, Notes()).close()
