"""One replica alone, for conversations to talk with."""

import random

from coordsvc.base.ports import SilentLogger
from coordsvc.raft.messages import HardState, Membership, SnapshotMeta
from coordsvc.raft.node import RaftSettings, RecoveredRaft
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.replica.effects import Write
from coordsvc.replica.replica import Recovered, Replica, ReplicaSettings
from coordsvc.state import versions
from coordsvc.state.machine import StateMachine


class Alone:
    """One replica, whose disk is as fast as the turns. With more members nobody is elected."""

    def __init__(self, members=("a",)):
        self.now = 1_000
        meta = SnapshotMeta(0, 0, Membership(members))
        self.replica = Replica(
            "a",
            ReplicaSettings(RaftSettings(), CompactionSettings()),
            Recovered(RecoveredRaft(HardState(0, None), meta, []), StateMachine()),
            chance=random.Random(1),
            log=SilentLogger(),
            now=self.now,
        )
        self.replica.wake(self.now)
        self.turn()
        if self.replica.leading:
            self.turn()  # what a leader of a new cluster does first
            assert self.machine.version == versions.NEWEST

    @property
    def machine(self):
        return self.replica.machine

    def turn(self):
        """Carry everything out until nothing is left to do."""
        for _ in range(20):
            effects = self.replica.take_effects(self.now, self.now)
            for write in effects.writes:
                assert isinstance(write, Write)
                self.replica.persisted(self.now)
            again = self.replica.catch_up(self.now)
            if not again and not effects.writes and self.replica.deadline() > 0:
                return
