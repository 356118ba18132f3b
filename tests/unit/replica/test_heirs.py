"""Who is to lead next."""

from coordsvc.raft.messages import Membership
from coordsvc.raft.node import PeerView
from coordsvc.replica.heirs import heir_of


class Raft:
    def __init__(self, **views):
        self.membership = Membership(("a", "b", "c"), (), ("d",))
        self._views = {
            peer: PeerView("replicate", match, match + 1, 0, heard)
            for peer, (match, heard) in views.items()
        }

    def peers(self):
        return self._views


def test_the_furthest_voter_is_the_heir():
    assert heir_of(Raft(b=(5, 100), c=(7, 100)), heard_after=50) == "c"


def test_who_was_not_heard_from_lately_is_no_heir():
    assert heir_of(Raft(b=(5, 100), c=(7, 50)), heard_after=50) == "b"


def test_who_only_learns_is_no_heir():
    assert heir_of(Raft(d=(9, 100)), heard_after=50) is None
