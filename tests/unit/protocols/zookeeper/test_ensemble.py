import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.protocols.zookeeper.ensemble import (
    BadConfigError,
    Reconfig,
    ServerLine,
    change_of,
    config_text,
    members_of,
    name_of,
    numbers_of,
    server_line_of,
)
from coordsvc.protocols.zookeeper.operators.facts import MemberFacts
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.replica.changes import ANY_REVISION, MembersChange
from coordsvc.replica.members import MembersView, MemberView

THREE = Membership(("n1", "n2", "n3"), learners=("n4",))


def asked(joining=None, leaving=None, new=None, version=-1):
    return change_of(THREE, Reconfig(joining, leaving, new, version))


def refused(*args, **named):
    with pytest.raises(BadConfigError) as caught:
        asked(*args, **named)
    return str(caught.value)


def test_the_number_at_the_end_of_a_name_is_the_servers():
    assert numbers_of(["n1", "zk-12", "a.b-3"]) == {"n1": 1, "zk-12": 12, "a.b-3": 3}
    assert numbers_of([name_of(7)]) == {"n7": 7}


def test_names_without_one_or_with_the_same_have_a_number_of_their_own():
    numbers = numbers_of(["alpha", "a1", "b1", "x0", "n2"])
    assert numbers["n2"] == 2
    assert len(set(numbers.values())) == 5
    assert min(numbers.values()) > 0
    assert numbers_of(["alpha"])["alpha"] == numbers["alpha"]


@given(st.lists(st.from_regex(r"[a-c]{1,2}[0-9]{0,2}", fullmatch=True), unique=True, max_size=8))
def test_numbers_are_always_different(names):
    assert len(set(numbers_of(names).values())) == len(names)


def test_the_configuration_is_written_in_order_of_number():
    view = MembersView(
        0x1F,
        True,
        tuple(
            MemberView(MemberInfo(name), votes, False)
            for name, votes in (("n10", True), ("n2", True), ("n3", False))
        ),
    )
    places = {n: (f"{n}.x:2888", f"{n}.x:2181") for n in ("n10", "n2", "n3")}
    members = members_of(view, places)
    assert config_text(members, view.revision) == (
        "server.2=n2.x:2888:3888:participant;n2.x:2181\n"
        "server.3=n3.x:2888:3888:observer;n3.x:2181\n"
        "server.10=n10.x:2888:3888:participant;n10.x:2181\n"
        "version=1f"
    )
    assert config_text(members[:1], 5) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("server.5=h:1:2", ServerLine(5, "h:1", "", "participant")),
        ("server.5=h:1:2:observer;2181", ServerLine(5, "h:1", "h:2181", "observer")),
        (" server.5=h:1:2:participant;0.0.0.0:9", ServerLine(5, "h:1", "h:9", "participant")),
        ("server.5=[::1]:1:2;[::2]:9", ServerLine(5, "[::1]:1", "[::2]:9", "participant")),
        ("server.5=h:1:2;[::]:9", ServerLine(5, "h:1", "h:9", "participant")),
    ],
)
def test_lines_of_servers_are_read(text, line):
    assert server_line_of(text) == line


@pytest.mark.parametrize(
    "text",
    ["", "server.x=h:1:2", "server.5=h", "server.5=h:1", "server.0=h:1:2", "server.5=h:1:99999",
     "server.5=h:1:2:king", "server.5=h:1:2;", "server.5=h:1:2;h:0", "5=h:1:2", "server.5=:1:2"],
)  # fmt: skip
def test_what_is_no_line_of_a_server_is_refused(text):
    with pytest.raises(BadConfigError):
        server_line_of(text)


def test_who_joins_learns_first_and_who_leaves_goes():
    change = asked("server.5=h:1:2:participant;9,server.6=h:2:3:observer;10", "3, 9", version=7)
    assert change == MembersChange(
        add=(
            MemberInfo("n5", 0, "h:1", "h:9", "h:6009", joins=True),
            MemberInfo("n6", 0, "h:2", "h:10", "h:6010", joins=False),
        ),
        promote=(),
        remove=("n3",),
        expected=7,
    )


def test_an_observer_may_become_a_participant():
    assert asked("server.4=h:1:2:participant;9") == MembersChange(promote=("n4",))


def test_a_whole_list_says_who_goes():
    whole = "server.1=a:1:2\nserver.2=b:1:2\nserver.4=d:1:2:observer\nserver.5=h:1:2;9"
    change = asked(new=whole)
    assert [info.name for info in change.add] == ["n5"]
    assert change.remove == ("n3",)
    assert change.expected == ANY_REVISION


def test_who_is_there_or_is_not_needs_no_change():
    assert asked("server.1=h:1:2") == asked(leaving="99") == MembersChange()


def test_what_makes_no_sense_is_refused():
    assert "either" in refused("server.5=h:1:2", new="server.1=h:1:2")
    assert "twice" in refused("server.5=h:1:2,server.5=i:1:2")
    assert "nobody" in refused()
    assert "number" in refused(leaving="n3")
    assert "votes" in refused("server.1=h:1:2:observer")


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=40))
def test_no_text_does_more_than_be_refused(joining, leaving, new):
    with contextlib.suppress(BadConfigError):
        asked(joining, leaving, new)


def test_the_two_ports_of_a_server_differ():
    members = [
        MemberFacts(n, f"h:{port}", "h:9", "participant") for n, port in ((1, 9), (2, 65_000))
    ]
    assert config_text(members, 1).splitlines()[:2] == [
        "server.1=h:9:1009:participant;h:9",
        "server.2=h:65000:64000:participant;h:9",
    ]
