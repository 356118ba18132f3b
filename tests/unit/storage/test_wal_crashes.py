"""The log: crashes at every step, and long lives of them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base.errors import DiskFailed, DiskFull
from tests.sim.disk import PowerLoss
from tests.unit.storage.logs import disk, entries_of, filled, opened


def operations():
    """(name, prepare, operation, index of the last entry before, after)."""

    def roll(log):
        log.append(21, 21, b"r" * 3000)
        log.sync()

    def truncate(log):
        log.append(5, 5, b"t" * 1000)
        log.append(6, 6, b"t" * 2500)
        log.sync()

    return {
        "first start": None,
        "roll": roll,
        "truncate over a roll": truncate,
        "drop": lambda log: log.drop_before(20),
        "reset": lambda log: log.reset(500),
        "close": lambda log: log.close(),
        "prepare": lambda log: log.prepare_next(),
    }


@pytest.mark.parametrize("name", operations())
def test_a_crash_at_each_step_of(name):
    operation = operations()[name]
    stopped = 0
    for step in range(1, 200):
        for seed in range(8):
            files = disk(seed)
            if operation is not None:
                log = filled(files, 20, size=250)
                log.save_state(b"before")
                log.sync()
                before = entries_of(opened_copy(log, files))
            files.stop_at = files.steps + step
            try:
                if operation is None:
                    opened(files)
                else:
                    operation(log)
                finished = True
            except PowerLoss:
                finished = False
                stopped += 1
            files.crash()
            again = opened(files)
            entries = entries_of(again.recovered)
            if operation is None:
                assert entries == {}
                assert again.last_index == 0
            else:
                assert again.recovered.state == b"before"
                check(name, entries, before, again.last_index, finished=finished)
            again.append(again.last_index + 1, again.last_index + 1, b"goes on")
            again.sync()
            files.crash()
            assert entries_of(opened(files).recovered) == entries | {
                again.last_index: (b"goes on", 0)
            }
        if finished:
            break
    assert stopped > 3


def opened_copy(log, files):
    """What a log in `files` would recover, without touching them."""
    copy = disk()
    for name in files.names():
        copy.open(name, create=True).write_at(0, files.content_of(name))
    return opened(copy).recovered


def check(name, entries, before, last_index, *, finished):
    if name == "roll":
        assert {index: entries[index] for index in before} == before
        assert last_index in ((21,) if finished else (20, 21))
    elif name == "truncate over a roll":
        kept = {index: before[index] for index in range(1, 5)}
        assert {index: entries[index] for index in range(1, 5)} == kept
        assert last_index in ((6,) if finished else (20, 5, 6))
        if last_index == 20:
            assert entries == before
    elif name == "drop":
        assert last_index == 20
        assert {index: entry for index, entry in before.items() if index >= 20}.items() <= (
            entries.items()
        )
        assert entries.items() <= before.items()
    elif name == "reset":
        assert (entries, last_index) in ([({}, 500)] if finished else [({}, 500), (before, 20)])
    else:
        assert entries == before


STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 3), st.integers(0, 1500)),
    st.tuples(st.just("truncate"), st.integers(1, 6), st.integers(0, 300)),
    st.tuples(st.just("state"), st.integers(0, 40)),
    st.tuples(st.just("sync")),
    st.tuples(st.just("prepare")),
    st.tuples(st.just("drop"), st.integers(0, 8)),
    st.tuples(st.just("reset"), st.integers(-2, 20)),
    st.tuples(st.just("fail sync"), st.booleans()),
    st.tuples(st.just("full"), st.booleans()),
    st.tuples(st.just("power"), st.integers(1, 12)),
    st.tuples(st.just("crash")),
    st.tuples(st.just("close")),
)


class Model:
    """Runs steps on a log and knows what may be found after a crash.

    `versions` are the contents (entries, state, last index) since the last sync: a recovery must
    find one of them. Below `floor` entries may be gone.
    """

    def __init__(self, seed):
        self.files = disk(seed)
        self.log = opened(self.files)
        self.versions = [({}, None, 0)]
        self.floor = 0
        self.unique = 0

    def payload(self, size):
        self.unique += 1
        return b"%d;" % self.unique + b"rec\x01" * (size // 4)

    def run(self, step):
        try:
            getattr(self, step[0].replace(" ", "_"))(*step[1:])
        except DiskFull:
            assert self.files.capacity == 0
        except PowerLoss:
            self.recover(crash=self.files.steps % 2 == 0)  # or the process was killed

    def happened(self, entries, state, last):
        self.versions.append((entries, state, last))

    def synced(self):
        del self.versions[:-1]

    def put(self, first, count, size):
        entries, state, _ = self.versions[-1]
        payload = self.payload(size)
        kept = {index: entry for index, entry in entries.items() if index < first}
        new = {first + each: (payload, each) for each in range(count)}
        version = (kept | new, state, first + count - 1)
        self.log.append(first, first + count - 1, payload)
        self.happened(*version)

    def append(self, count, size):
        self.put(self.log.last_index + 1, count, size)

    def truncate(self, back, size):
        self.put(max(self.floor + 1, self.log.last_index + 1 - back), 1, size)

    def state(self, size):
        entries, _, last = self.versions[-1]
        payload = self.payload(size)
        self.log.save_state(payload)
        self.happened(entries, payload, last)

    def sync(self):
        self.log.sync()
        self.synced()

    def prepare(self):
        self.log.prepare_next()

    def drop(self, back):
        # As a snapshot would: only what is durable is in it.
        last = min(version[2] for version in self.versions)
        index = max(self.floor + 1, last - back)
        self.floor = max(self.floor, min(index, last + 1) - 1)
        self.log.drop_before(self.floor + 1)

    def reset(self, ahead):
        index = max(self.log.last_index + ahead, self.floor, 1)
        version = ({}, self.versions[-1][1], index)
        self.happened(*version)
        try:
            self.log.reset(index)
        except DiskFull:
            self.versions.pop()
            raise
        self.synced()
        self.floor = max(self.floor, index)

    def fail_sync(self, crash):
        self.log.append(self.log.last_index + 1, self.log.last_index + 1, b"")
        entries, state, last = self.versions[-1]
        self.happened(entries | {last + 1: (b"", 0)}, state, last + 1)
        self.files.fail_syncs = True
        with pytest.raises(DiskFailed):
            self.log.sync()
        self.files.fail_syncs = False
        self.recover(crash=crash)

    def full(self, yes):
        self.files.capacity = 0 if yes else 2**40

    def power(self, steps):
        self.files.stop_at = self.files.steps + steps

    def crash(self):
        self.recover(crash=True)

    def close(self):
        self.log.close()
        self.synced()
        self.recover(crash=False)

    def recover(self, *, crash):
        self.files.fail_syncs = False
        if crash:
            self.files.crash()
        else:
            self.files.restart()
        capacity, self.files.capacity = self.files.capacity, 2**40
        self.log = opened(self.files)
        self.files.capacity = capacity
        entries = entries_of(self.log.recovered)
        found = (self.above(entries), self.log.recovered.state, self.log.last_index)
        assert found in [(self.above(each), state, last) for each, state, last in self.versions]
        self.versions = [(entries, found[1], found[2])]

    def above(self, entries):
        return {index: entry for index, entry in entries.items() if index > self.floor}


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32), st.lists(STEPS, max_size=40))
def test_recovery_finds_all_that_was_synced_and_a_prefix_of_the_rest(seed, steps):
    model = Model(seed)
    for step in steps:
        model.run(step)
    model.files.stop_at = None
    model.crash()


def random_step(chance):
    return chance.choices(
        [
            ("append", chance.randint(1, 3), chance.randint(0, 1500)),
            ("truncate", chance.randint(1, 6), chance.randint(0, 300)),
            ("state", chance.randint(0, 40)),
            ("sync",),
            ("prepare",),
            ("drop", chance.randint(0, 8)),
            ("reset", chance.randint(-2, 20)),
            ("fail_sync", chance.random() < 0.5),
            ("full", chance.random() < 0.3),
            ("power", chance.randint(1, 12)),
            ("crash",),
            ("close",),
        ],
        [30, 8, 5, 20, 4, 6, 2, 1, 3, 6, 6, 2],
    )[0]


@pytest.mark.parametrize("seed", range(40))
def test_a_long_life_of_crashes_loses_nothing_that_was_synced(seed):
    chance = random.Random(seed)
    model = Model(seed)
    for _ in range(250):
        model.run(random_step(chance))
