"""Every bound in the system, with its reason, and how they relate.

Two are not Final, because the simulator makes them small: a compiler writes what is Final into
the code, where nobody can make it smaller.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# What one request may carry.
DATA_BYTES_MAX: Final = 1 * MIB  # of one node: small files, not a blob store
PATH_BYTES_MAX: Final = 4 * KIB
PATH_DEPTH_MAX: Final = 128  # recursion and events cost per level
FRAME_BYTES_MAX: Final = 4 * MIB  # of one client frame: a full transaction
TXN_OPS_MAX: Final = 1024
MULTI_OPS_MAX: Final = 32_768  # of a ZooKeeper multi, which its frame bounds to about as many
GUARDS_MAX: Final = 16
NOTE_BYTES_MAX: Final = 1 * KIB
CLIENT_NAME_BYTES_MAX: Final = 256
PASSWORD_BYTES_MAX: Final = 64
TTL_MS_MAX: Final = 2**40 - 1  # ZooKeeper's

# What one answer may carry.
PAGE_ITEMS_MAX: Final = 10_000
PAGE_BYTES_MAX: Final = 1 * MIB  # of a listing with data; at least one item is always sent
DELETE_NODES_MAX: Final = 100_000  # of one recursive delete, so that one entry stays short

# The tree.
NODES_MAX: Final = 10_000_000  # some 5 GB of memory with small data, and minutes to start

# Sessions.
SESSION_TIMEOUT_MS_MIN: Final = 1_000
SESSION_TIMEOUT_MS_MAX: Final = 3_600_000
SESSIONS_MAX: Final = 100_000
REPLIES_PER_SESSION_MAX: Final = 4_096  # remembered answers; the client's window is far smaller
REQUESTS_IN_FLIGHT_MAX: Final = 2_048  # of one connection; the next one is refused as overloaded

# Locks.
LOCK_QUEUE_MAX: Final = 10_000
LOCK_DELAY_MS_MAX: Final = 3_600_000
CLAIMS_PER_SESSION_MAX: Final = 10_000  # held or waited for

# What goes by itself.
CONTAINER_IDLE_MS: Final = 2_000  # how long an unused container stays
DUE_PER_TICK_MAX: Final = 1_000  # nodes and locks that one tick deals with; the rest comes next

# Cursors of paged listings, of one replica.
CURSORS_MAX: Final = 64
CURSOR_NAMES_MAX: Final = 2_000_000  # over all of them: some 16 MiB of references

# Watches.
WATCHES_PER_CONNECTION_MAX: Final = 10_000
PATH_WATCHES_PER_CONNECTION_MAX: Final = 500_000  # ZooKeeper's have no bound, and are small
HISTORY_EVENTS_MAX = 10_000  # kept for watchers that come back
HISTORY_BYTES_MAX: Final = 16 * MIB  # of the data those events carry
OUTBOX_BYTES_MAX: Final = 8 * MIB  # unsent bytes of one connection before its watches are cut

# Raft.
MEMBERS_MAX: Final = 31  # voters and learners
APPEND_BYTES_MAX: Final = 1 * MIB  # of one AppendRequest
APPEND_ENTRIES_MAX: Final = 8_192  # of one AppendRequest: what they cost beside their data
APPENDS_IN_FLIGHT_MAX: Final = 256  # to one follower
APPENDS_IN_FLIGHT_BYTES_MAX: Final = 16 * MIB  # to one follower, before its answer
BATCH_BYTES_MAX: Final = 1 * MIB  # of one write to the log
PROPOSALS_BYTES_MAX: Final = 64 * MIB  # not yet committed; beyond it writes are refused
PEER_FRAME_BYTES_MAX: Final = 16 * MIB
SNAPSHOT_CHUNK_BYTES = 256 * KIB

# Disk.
SEGMENT_BYTES: Final = 16 * MIB
RECORD_BYTES_MAX: Final = 16 * MIB
SNAPSHOTS_KEPT: Final = 2
LOG_ENTRIES_KEPT_BEHIND: Final = 10_000  # on disk after a snapshot, and in memory in any case
LOG_BYTES_KEPT_BEHIND: Final = 16 * MIB  # in memory, of the data of entries that all have
SNAPSHOT_EVERY_BYTES: Final = 64 * MIB  # of log since the last one
LOG_BYTES_HELD_MAX: Final = 256 * MIB  # kept longer for a follower that is being caught up
SNAPSHOT_EVERY_ENTRIES: Final = 100_000
SNAPSHOT_QUIET_ENTRIES: Final = 5_000  # when little happens: a start applies so many in 40 ms
DISK_RESERVE_BYTES: Final = 64 * MIB  # with less room left, nothing that grows is taken

assert DATA_BYTES_MAX + PATH_BYTES_MAX < FRAME_BYTES_MAX
assert FRAME_BYTES_MAX + KIB < PEER_FRAME_BYTES_MAX, "one command always fits one peer frame"
assert APPEND_BYTES_MAX + FRAME_BYTES_MAX < PEER_FRAME_BYTES_MAX
assert BATCH_BYTES_MAX + FRAME_BYTES_MAX < RECORD_BYTES_MAX <= SEGMENT_BYTES
assert REQUESTS_IN_FLIGHT_MAX < REPLIES_PER_SESSION_MAX
