"""Where members are reached."""

from coordsvc.raft.messages import MemberInfo
from coordsvc.replica.members import MembersView, MemberView
from coordsvc.server.address_book import AddressBook
from coordsvc.server.addresses import Address, members_of


class Members:
    def __init__(self, *infos):
        self.infos = infos

    def view(self):
        return MembersView(9, True, tuple(MemberView(info, True, False) for info in self.infos))


CONFIGURED = members_of("n1=10.0.0.1,n2=10.0.0.2:1/2/3,n9=10.0.0.9")


def book(*infos):
    return AddressBook("n1", CONFIGURED, Members(*infos))


def test_the_membership_comes_first_and_the_options_after_it():
    moved = book(MemberInfo("n1"), MemberInfo("n2", 5, "moved:1", "moved:2", "moved:3"))
    assert moved.peer("n2") == [Address("moved", 1), Address("10.0.0.2", 1)]
    assert (moved.client("n2"), moved.http("n2")) == ("moved:2", "moved:3")


def test_where_the_membership_knows_nothing_the_options_count():
    named = book(MemberInfo("n1"), MemberInfo("n2"))
    assert named.peer("n2") == [Address("10.0.0.2", 1)]
    assert (named.client("n2"), named.http("n2")) == ("10.0.0.2:2", "10.0.0.2:3")
    assert (named.peer("n7"), named.client("n7"), named.http("n7")) == ([], "", "")


def test_who_is_a_member_is_for_the_membership_alone():
    assert book(MemberInfo("n1"), MemberInfo("n2"), MemberInfo("n3")).others() == ["n2", "n3"]
    assert book().others() == ["n2", "n9"]


def test_clients_are_told_of_all_members_and_of_nobody_else():
    members = (MemberInfo("n1"), MemberInfo("n2", 5, "p:1", "c:2", "h:3"), MemberInfo("n7"))
    assert book(*members).clients() == ["10.0.0.1:2181", "c:2"]
    assert book(*members[1:]).clients() == ["c:2"]


def test_an_address_that_is_none_is_passed_over():
    assert book(MemberInfo("n2", 5, "nonsense")).peer("n2") == [Address("10.0.0.2", 1)]


def test_the_hosts_of_all_members_are_named_once():
    assert book(MemberInfo("n2", 5, "10.0.0.1:7")).peer_hosts() == ["10.0.0.1", "10.0.0.2"]
    known = book(MemberInfo("n2", 5, "10.0.0.1:7", http="web.example:80"))
    assert "web.example" in known.http_hosts()
