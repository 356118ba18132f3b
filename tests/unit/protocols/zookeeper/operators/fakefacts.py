"""Facts about a server that does not exist."""

from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.operators.facts import (
    ConnectionFacts,
    Latency,
    MemberFacts,
    ServerFacts,
    SessionFacts,
)

MEMBERS = tuple(
    MemberFacts(i, f"10.0.0.{i}:2888", f"10.0.0.{i}:2181", "participant") for i in (1, 2, 3)
)


class FakeFacts:
    def __init__(self, *, mode="follower", serving=True, read_only=False, members=MEMBERS):
        self.mode, self.is_serving, self.read_only = mode, serving, read_only
        self._members = members
        self.resets = []

    def server(self):
        return ServerFacts(
            self.mode, self.read_only, Latency(1, 2.25, 4), 9, 8, 2, 3, 0x1F, 6, 330, (38, 32, 92)
        )

    def connections(self):
        return [
            ConnectionFacts(
                "127.0.0.1:60108", 0x100, 0, 4, 3, numbers.GET_CHILDREN2, 1_795_647_469_681,
                10_000, 3, 2, 1_795_647_469_700, 1, Latency(0, 1.6, 4), False,
            ),
            ConnectionFacts(
                "[::1]:7", 0x200, 1, 1, 0, None, 5, 4_000, 0, 0, 0, 0, Latency(0, 0.0, 0), True
            ),
        ]  # fmt: skip

    def sessions(self):
        return [SessionFacts(0x100, 10_000, ("/e", "/f")), SessionFacts(0x200, 4_000, ())]

    def watches(self):
        return {0x100: ["/e", "/x"], 0x200: ["/e"]}

    def members(self):
        return self._members

    def leader(self):
        return self._members[2] if self._members else None

    def own(self):
        return self._members[0] if self._members else None

    def monitor(self):
        return {"version": "3.9", "avg_latency": 2.25, "znode_count": 6}

    def configuration(self):
        return {
            "clientPort": 2181, "dataDir": "/d", "dataLogDir": "/l", "tickTime": 2000,
            "maxClientCnxns": 60, "minSessionTimeout": 4000, "maxSessionTimeout": 40000,
            "serverId": 1, "clientPortListenBacklog": 1024,
        }  # fmt: skip

    def environment(self):
        return {"zookeeper.version": "3.9", "host.name": "h"}

    def folder_sizes(self):
        return 10, 20

    def last_snapshot(self):
        return 0x10, 1_795_647_459

    def config_text(self):
        if not self._members:
            return ""
        return "server.1=10.0.0.1:2888:2888:participant;10.0.0.1:2181\nversion=1"

    def initial_configuration(self):
        return "node = n1\n"

    def reset_connections(self):
        self.resets.append("connections")

    def reset_server(self):
        self.resets.append("server")
