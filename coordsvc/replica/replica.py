"""Replica: inputs in, effects out. The one place where Raft, state, watches and clients meet.

One turn: any number of inputs (messages, requests, a finished write), then `take_effects`, whose
outcome the runtime carries out. Everything that arrived in a turn shares one append, one sync,
one message per peer and one write per client; a leader also lets proposals gather while its log
is being written, so that batches grow with the load.
"""

from __future__ import annotations

from coordsvc.base.ids import Index, Millis, NodeId, Serial, SessionId, Term
from coordsvc.base.ports import Chance, Logger
from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from coordsvc.raft.messages import MOST_OFTEN, AppendRequest, Heartbeat, SnapshotMeta
from coordsvc.raft.node import RaftNode
from coordsvc.raft.ready import NOTHING, Ready
from coordsvc.replica import messages
from coordsvc.replica.applying import Applying
from coordsvc.replica.changes import MembersChange
from coordsvc.replica.cluster_time import ClusterTime
from coordsvc.replica.codec import EntryEncoder, internal_command
from coordsvc.replica.compaction import Compaction
from coordsvc.replica.confirming import Confirmations, Confirmed
from coordsvc.replica.desk import TOUCH_MS, Answer, Desk
from coordsvc.replica.due import DueWork
from coordsvc.replica.effects import Effects, LogReset, ReadSnapshot, StoreChunk
from coordsvc.replica.gate import Greeting
from coordsvc.replica.health import DIFFERS, Health
from coordsvc.replica.heirs import heir_of
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.members import Members, MembersAnswer
from coordsvc.replica.messages import PeerMessage
from coordsvc.replica.ports import Client
from coordsvc.replica.proposing import Proposals
from coordsvc.replica.reads import ASK_AGAIN_MS, READ_PATIENCE_MS, ReadQueue, is_served_at_once
from coordsvc.replica.settings import Recovered, ReplicaSettings
from coordsvc.replica.snapshots import SnapshotTraffic
from coordsvc.replica.telling import Telling
from coordsvc.replica.writing import LogWrites
from coordsvc.state.machine import StateMachine
from coordsvc.watch.paths import Watches

HOUSEKEEPING_MS = 50  # not Final: a simulated day makes it longer


class Replica:
    """One member of the cluster."""

    def __init__(
        self,
        node: NodeId,
        settings: ReplicaSettings,
        recovered: Recovered,
        *,
        chance: Chance,
        log: Logger,
        now: Millis,
    ) -> None:
        self.node = node
        self.settings = settings
        self.raft = RaftNode(node, settings.raft, recovered.raft, chance=chance, log=log, now=now)
        self.machine = recovered.machine
        self.desk = Desk()
        self.watches: Watches[Client] = Watches()
        self.liveness = Liveness()
        self._telling = Telling(self, self.desk, self.watches, self.liveness)
        self.reads = ReadQueue(chance.randrange(0, 1 << 48))
        self.encoder = EntryEncoder()
        compaction = Compaction(settings.compaction, recovered.raft.snapshot.index)
        self.snapshots = SnapshotTraffic(self.raft, compaction)
        self.health = Health(
            node, self, self.raft, self.desk, self.snapshots,
            reserve_bytes=settings.disk_reserve_bytes, log=log,
        )  # fmt: skip
        self._applying = Applying(self.raft, self._telling, self.health.checkpoints)
        self.stopping = False
        self.leader_changes = 0
        """How often this replica has learnt of a new leader."""
        self._chance = chance
        self._log = log
        self._commit: Index = recovered.raft.snapshot.index
        self.writes = LogWrites(self.encoder)
        self._proposals = Proposals(self.raft, self.desk, self.writes)
        self._due = DueWork(self.raft, self.liveness, self._proposals, chance=chance, log=log)
        self.members = Members(
            node, settings.own, self.raft, election_ms=settings.raft.election_ms, log=log
        )
        self._effects = Effects()
        self._confirmations = Confirmations(
            self.raft, self.liveness, lease_reads=settings.lease_reads
        )
        self._regime: tuple[NodeId | None, Term] = (None, recovered.raft.hard_state.term)
        self._leader_known_at = self._housekeeping_at = self._touch_at = now
        self._cluster_time = ClusterTime(now)
        self._wall_ms: Millis = 0
        self._log_may_be_long = True  # looked at 20 times a second, and after many entries
        self.now = now  # of this turn

    # ------------------------------------------------------------------ what can be seen

    @property
    def applied(self) -> Index:
        """The revision that the state has reached."""
        return self.machine.revision

    @property
    def leading(self) -> bool:
        """Whether this replica leads, as far as it knows."""
        return self.raft.leader == self.node

    # ------------------------------------------------------------------ inputs from clients

    def connect(self, client: Client) -> None:
        """Take in a client; it hears from now on who leads."""
        self.desk.connected[client] = None

    def open_session(
        self, client: Client, password: bytes, timeout_ms: Millis, name: str, address: str
    ) -> None:
        """Open a session for `client`; it is welcomed when that is applied here."""
        self.enter(client, ops.OPEN_SESSION, password, timeout_ms, name, address)

    def enter(self, client: Client, op: int, *arguments: Value) -> None:
        """Have `client` open or take over a session as `op` says; it is welcomed or rejected."""
        tag = self._chance.randrange(1, 1 << 62)
        self.desk.open(client, tag, internal_command(op, tag, *arguments))

    def attach(self, client: Client, session: SessionId, password: bytes) -> None:
        """Attach `client` to a session it has; call when a linearizable read is confirmed."""
        known = self.machine.sessions.by_id.get(session)
        if known is None:
            client.rejected(codes.SESSION_EXPIRED, "there is no such session any more")
        elif known.password != password:
            client.rejected(codes.BAD_PASSWORD, "that is not the session's password")
        else:
            self.desk.attach(client, session)
            self.touch(session, self.now)
            client.welcomed(session, password, known.timeout_ms)

    def disconnect(self, client: Client) -> None:
        """The client's connection is gone. Its session lives on until it lapses."""
        self.desk.leave(client)
        self.watches.remove_listener(client)
        self.reads.forget(client)

    def touch(self, session: SessionId, now: Millis) -> None:
        """Something came from the client of this session: it lives."""
        if self.raft.leader == self.node:
            self.liveness.heard(session, now)
        else:
            self.desk.touched[session] = None

    def submit(self, client: Client, serial: Serial, command: bytes) -> None:
        """Propose a mutation of an attached client, or forward it to the leader.

        The client is answered through `decided` when it is applied here, or `refused` at once.
        """
        if not self.desk.submit(client, serial, command):
            # Refusing one and taking the next would change their order; a client that comes
            # back sends all of them again.
            client.rejected(codes.OVERLOADED, "too much is waiting for the leader")

    def administer(self, op: int, arguments: list[Value], answer: Answer) -> None:
        """Carry out an operator's command; `answer` is called when it is applied here."""
        tag = self._chance.randrange(1, 1 << 62)
        command = internal_command(op, tag, *arguments)
        self.desk.administer(tag, command, answer, once=op == ops.BREAK)

    def change_members(self, change: MembersChange, answer: MembersAnswer) -> None:
        """Have the membership changed, through the leader; `answer` is called within seconds."""
        self.members.change(change, answer, self.now)

    def read(
        self,
        client: Client,
        serial: Serial,
        read: object,
        *,
        consistency: int,
        min_revision: Index,
        now: Millis,
    ) -> None:
        """Have `client.serve(read)` called when its consistency allows it."""
        if self.health.differs:
            client.read_refused(serial, codes.BEHIND, DIFFERS)
        elif consistency == ops.LINEARIZABLE:
            self.reads.add(client, serial, read)
        elif is_served_at_once(consistency, min_revision, self.applied):
            client.serve(read)
        else:
            self.reads.add_behind(client, serial, read, min_revision, now + READ_PATIENCE_MS)

    def receive(self, peer: NodeId, message: PeerMessage, now: Millis) -> None:
        """Take a message of another replica."""
        self.now = now
        if isinstance(message, MOST_OFTEN):
            if isinstance(message, AppendRequest) and message.packed:
                self.encoder.remember(message.entries, message.packed)
            self.raft.step(peer, message, now)
            if type(message) is Heartbeat:  # reads wait for the answer
                self._effects.send += self.raft.take_replies()
            return
        match message:
            case messages.Forward():
                self._on_forward(peer, message, now)
            case messages.ReadIndexRequest():
                if self.leading:
                    self._on_confirmed(self._confirmations.ask_for(peer, message, now), now)
            case messages.ReadIndexReply():
                self._serve_confirmed(message, now)
            case messages.SnapshotChunk():
                self.snapshots.on_chunk(peer, message, self._effects)
            case messages.SnapshotAck():
                self.snapshots.on_ack(peer, message, now, self._effects)
            case _ if isinstance(message, messages.HealthMessage):
                self.health.receive(peer, message, now, self._effects)
            case _ if isinstance(message, messages.MembersMessage):
                self.members.receive(peer, message, now, self._effects)
            case _:
                self.raft.step(peer, message, now)

    def link_made(self, peer: NodeId, now: Millis, greeting: Greeting | None = None) -> None:
        """A connection to `peer` stands."""
        self.members.link_made(peer, greeting)
        self.snapshots.stop_sending(peer, now)  # what was on its way on an older link is lost
        self.health.link_made(peer, self._effects)
        self.raft.link_made(peer, now)
        if peer == self.raft.leader:
            self._submit_again()

    def link_lost(self, peer: NodeId, now: Millis) -> None:
        """The connection to `peer` is gone, with whatever was on its way."""
        was_leader = peer == self.raft.leader
        self.snapshots.stop_sending(peer, now)
        self.health.link_lost(peer)
        self.members.link_lost(peer)
        self.raft.link_lost(peer, now)
        if was_leader:
            self.reads.ask_again()

    def persisted(self, now: Millis) -> bool:
        """The oldest unfinished Write is on disk; tell whether that calls for a turn."""
        self.writes.persisted(self.raft, self._effects, now)
        # `are_ripe` takes what is outgoing, also from a follower, which has to pass it on.
        is_due = self.raft.commit > self._commit or bool(self.desk.outgoing)
        return is_due or self._proposals.are_ripe()

    def wake(self, now: Millis) -> None:
        """The deadline came."""
        self.raft.wake(now)

    def deadline(self) -> Millis:
        """When to call wake() next, if nothing happens before."""
        if self._commit > self.machine.revision and not self.health.differs:
            return 0
        return min(self.raft.deadline(), self._housekeeping_at)

    def measured(self, free_bytes: int) -> None:
        """So much is left on the disk; to be told about once a second."""
        self.health.measured(free_bytes, self._effects)

    # ------------------------------------------------------------------ snapshots

    def snapshot_taken(self, meta: SnapshotMeta) -> None:
        """The snapshot asked for is durable: the log before it may go."""
        self.snapshots.taken(meta, self.now, self._effects)

    def snapshot_piece(
        self, read: ReadSnapshot, meta: SnapshotMeta, *, total: int, data: bytes, now: Millis
    ) -> None:
        """A piece of the snapshot file at `meta` was read for a follower."""
        self.snapshots.piece(read, meta, total=total, data=data, now=now, effects=self._effects)

    def chunk_stored(self, store: StoreChunk) -> None:
        """A piece of a snapshot being received is written; more of it is to come."""
        self.snapshots.stored(store, self._effects)

    def chunk_failed(self, store: StoreChunk) -> None:
        """A piece could not be stored, or the whole did not verify: the leader starts over."""
        self.snapshots.receiver.failed()
        self._log.warning("snapshot refused", peer=store.peer, index=store.meta.index)

    def snapshot_installed(self, store: StoreChunk, machine: StateMachine, now: Millis) -> None:
        """A received snapshot is complete and durable: go on from it."""
        meta = store.meta
        if meta.index > self.applied or (self.health.differs and meta.index == self.applied):
            self._replace_state(meta, machine)
            if self.raft.restored(meta, now):
                self._effects.writes.append(LogReset(meta.index))
        self.snapshots.stored(store, self._effects)

    def _replace_state(self, meta: SnapshotMeta, machine: StateMachine) -> None:
        self.machine = machine
        self.health.rebuilt(meta.index)
        self._commit = max(self._commit, meta.index)
        self.snapshots.compaction.installed(meta.index)
        # Answers, events and grants may be among what was skipped. Clients that come back, here
        # or elsewhere, ask for all of it.
        self.desk.send_away(codes.BEHIND, "this replica had fallen too far behind")
        self._submit_again()

    # ------------------------------------------------------------------ the turn

    def take_effects(self, now: Millis, wall_ms: Millis, gathering: bool = False) -> Effects:
        """Return everything to be written and sent for what came in since the last call.

        When it is under way, call `catch_up`: the disk and the others work while we apply.
        `wall_ms` is this machine's wall clock, to which the stamps of new entries are drawn;
        `gathering`: requests of many clients are just coming in, and may wait for one another.
        """
        self._proposals.gathering, self._proposals.held = gathering, False
        self._wall_ms, self.now = wall_ms, now
        if now >= self._housekeeping_at:
            self._housekeep(now, self._cluster_ms(now))
        self._exchange(now)
        self._proposals.gathering = False
        effects = self._effects
        if effects:  # an empty one is as good as new
            self._effects = Effects()
        return effects

    @property
    def is_quiet(self) -> bool:
        """Whether a turn would do nothing now: what came in was only taken note of."""
        return (
            self.raft.is_quiet
            and not (self._effects or self.desk.outgoing or self._proposals.are_ripe())
            and not (self.reads.unasked or self.reads.are_ripe(self.applied))
            and not (self._log_may_be_long or self.snapshots.compaction.asked)
            and self._commit == self.machine.revision
        )

    def take_messages(self) -> list[tuple[NodeId, PeerMessage]]:
        """Return what may be sent at once, ahead of the next turn: nearly always an answer."""
        messages = self._effects.send
        if messages:
            self._effects.send = []
        return messages

    def catch_up(self, now: Millis) -> bool:
        """Apply what is decided and answer who waits for it.

        Returns whether another turn is wanted at once: what was gathering, or came behind a
        greeting, or a snapshot that is due.
        """
        if not self.health.differs:
            machine, compaction = self.machine, self.snapshots.compaction
            if self._commit > machine.revision:
                self._applying.apply(machine, self._commit, now)
                self._log_may_be_long |= machine.revision >= self.snapshots.look_at
            self.reads.serve(machine.revision)
            if self._log_may_be_long or compaction.asked:
                self._log_may_be_long = False
                if self.snapshots.shorten(machine, now, self.health.room.alarm, self._effects):
                    return True
        unsent = bool(self.desk.outgoing or self.reads.unasked)
        return self._proposals.held or (unsent and self.raft.leader is not None)

    def _exchange(self, now: Millis) -> None:
        """Give Raft what came in, and take what it wants, until it wants nothing more."""
        again = True
        while again:
            self._follow_leadership(now)
            leader = self._regime[0]
            if leader is not None:
                self._pass_on(leader, now)
            ready = self.raft.ready()
            again = ready is not NOTHING
            if again:
                self._carry_out(ready, now)
                again = ready.more or ready.leadership_changed

    def _pass_on(self, leader: NodeId, now: Millis) -> None:
        """Propose commands here, or send them to the leader; the same with reads."""
        if leader == self.node:
            if self._proposals.are_ripe():
                self._proposals.propose(self._cluster_ms(now), now)
        elif self.desk.outgoing:
            self._proposals.forward(leader, self._effects)
        if self.reads.unasked:
            self._pass_on_reads(leader, now)

    def _cluster_ms(self, now: Millis) -> Millis:
        machine = self.machine
        return self._cluster_time.read(now, self._wall_ms, machine.time_ms, self.leading)

    def _pass_on_reads(self, leader: NodeId, now: Millis) -> None:
        token, readers = self.reads.ask(now)
        if leader == self.node:
            self._on_confirmed(self._confirmations.ask_for_us(self.node, token, now), now)
        else:
            # An earlier message that told of them may have been lost, or come too late.
            touched = list(dict.fromkeys(readers + self.desk.take_touched()))
            request = messages.ReadIndexRequest(token, touched)
            self._effects.send.append((leader, request))

    def _carry_out(self, ready: Ready, now: Millis) -> None:
        self.snapshots.compaction.logged(self.writes.add(ready, self._effects, now))
        self._effects.send += ready.send_now
        if ready.membership_changed:
            self.members.settle(self._effects)
            self._tell_who_leads()
        self._commit = max(self._commit, ready.commit)
        for token, index in ready.reads:
            self._on_confirmed(self._confirmations.confirmed(token, index), now)
        for token in ready.reads_failed:
            self._confirmations.failed(token)
        for peer in ready.snapshot_to if not self.health.differs else ():
            self.snapshots.send_to(peer, now, self._effects)

    def _on_forward(self, peer: NodeId, message: messages.Forward, now: Millis) -> None:
        self._follow_leadership(now)
        if not self.leading or message.term != self.raft.term:
            return  # the sender learns of the new leader and sends everything again, in order
        for session in message.touched:
            self.liveness.heard(session, now)
        if message.commands:
            self._proposals.queue(message.commands)
            self.raft.hasten(peer, now)

    def _on_confirmed(self, confirmed: Confirmed | None, now: Millis) -> None:
        """Serve a round that is confirmed, or pass the word on to the follower that asked."""
        if confirmed is None:
            return  # a quorum is being asked
        asker, reply = confirmed
        if asker == self.node:
            self._serve_confirmed(reply, now)
        else:
            self._effects.send.append((asker, reply))

    def _serve_confirmed(self, reply: messages.ReadIndexReply, now: Millis) -> None:
        """A round of reads is confirmed; sessions that lapsed must not take it as a lease."""
        for client, serial, _read in self.reads.confirmed(
            reply.token, reply.index, lapsed=reply.lapsed, give_up=now + READ_PATIENCE_MS
        ):
            client.read_refused(serial, codes.OVERLOADED, "the session was not heard from in time")

    def _follow_leadership(self, now: Millis) -> None:
        """Find out about a new leader, before anything is passed on to it.

        What is pending must go first, or a session's later write overtakes an earlier one.
        """
        regime = self.raft.regime
        if regime != self._regime:
            self._regime = regime
            self._on_leadership(*regime, now)

    def _on_leadership(self, leader: NodeId | None, term: Term, now: Millis) -> None:
        if leader is not None:
            self.leader_changes += 1
            self._leader_known_at = now
        if leader == self.node:
            self._due.lead(self.machine, now)
            self.health.upgrade.lead()
            self._housekeeping_at = now
        else:
            self.liveness.follow()
            self.snapshots.follow()
        self._proposals.clear()
        self.members.follow(leader, self._effects)
        self._submit_again()
        self._tell_who_leads()
        self._log.info("leader", leader=leader, term=term)

    def _tell_who_leads(self) -> None:
        for client in list(self.desk.connected):
            client.leader_changed(self.raft.leader, self.raft.term)

    def _submit_again(self) -> None:
        self.desk.resubmit()
        self.reads.ask_again()

    def hand_over(self, now: Millis, to: NodeId | None = None) -> bool:
        """Hand leadership to `to`, or to whoever is furthest; False if nobody can take it."""
        heir = to or heir_of(self.raft, heard_after=now - self.settings.raft.election_ms)
        return heir is not None and self.raft.transfer_to(heir, now)

    def _housekeep(self, now: Millis, time_ms: Millis) -> None:
        self._housekeeping_at = now + HOUSEKEEPING_MS
        self._log_may_be_long = True
        self.health.tick(now, self._effects)
        self.members.tick(now, time_ms, self._effects)
        if self.leading:
            self._leader_known_at = now
            self._due.propose(self.machine, now, time_ms)
            self._proposals.queue(self.health.upgrade.due(self.machine))
            self.snapshots.stop_stalled(now)
        elif self.raft.leader is not None:
            self._leader_known_at = now
            if self.desk.touched and now >= self._touch_at:
                self._touch_at = now + TOUCH_MS
                self._proposals.forward(self.raft.leader, self._effects)
        elif now - self._leader_known_at > self.settings.raft.election_ms:
            why = self.members.gate.standing or "no leader is known here"
            self.desk.send_away(codes.NO_QUORUM, why)
        self.reads.ask_again(asked_before=now - ASK_AGAIN_MS)
        for client, serial, _read in self.reads.give_up(now):
            client.read_refused(serial, codes.BEHIND, "this replica has not caught up so far")
