import pytest

from coordsvc.protocols.zookeeper.operators.facts import VERSION_TEXT
from coordsvc.protocols.zookeeper.operators.words import (
    NOT_SERVING,
    WORDS,
    answer,
)
from tests.unit.protocols.zookeeper.operators.fakefacts import FakeFacts

ALL = frozenset(WORDS)
SUMMARY = """Latency min/avg/max: 1/2.25/4
Received: 9
Sent: 8
Connections: 2
Outstanding: 3
Zxid: 0x1f
Mode: follower
Node count: 6
"""


def said(word, **of):
    return answer(word, FakeFacts(**of), ALL)


def test_words_for_probes_have_no_line_end():
    assert said("ruok") == "imok"
    assert said("isro") == "rw"
    assert said("isro", read_only=True) == "ro"


def test_srvr():
    assert said("srvr") == f"Zookeeper version: {VERSION_TEXT}\n{SUMMARY}"
    assert said("srvr", mode="leader").endswith("Proposal sizes last/min/max: 38/32/92\n")
    assert "Mode: read-only\n" in said("srvr", read_only=True)


def test_stat():
    assert said("stat") == (
        f"Zookeeper version: {VERSION_TEXT}\nClients:\n"
        " /127.0.0.1:60108[1](queued=0,recved=4,sent=3)\n"
        " /[::1]:7[1](queued=1,recved=1,sent=0)\n"
        "\n" + SUMMARY
    )


def test_cons():
    assert said("cons") == (
        " /127.0.0.1:60108[1](queued=0,recved=4,sent=3,sid=0x100,lop=GETC,est=1795647469681,"
        "to=10000,lcxid=0x3,lzxid=0x2,lresp=1795647469700,llat=1,minlat=0,avglat=2,maxlat=4)\n"
        " /[::1]:7[1](queued=1,recved=1,sent=0,sid=0x200,lop=NA,est=5,to=4000,lcxid=0x0,lzxid=0x0,"
        "lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)\n"
        "\n"
    )


def test_mntr():
    assert said("mntr") == "zk_version\t3.9\nzk_avg_latency\t2.25\nzk_znode_count\t6\n"


def test_conf_names_the_members_of_an_ensemble():
    text = said("conf")
    assert text.startswith("clientPort=2181\ndataDir=/d\n")
    assert text.endswith(
        "membership: \nserver.1=10.0.0.1:2888:2888:participant;10.0.0.1:2181\nversion=1\n"
    )
    assert "membership" not in said("conf", members=())


def test_envi():
    assert said("envi") == "Environment:\nzookeeper.version=3.9\nhost.name=h\n"


def test_dump():
    assert said("dump") == (
        "SessionTracker dump:\nGlobal Sessions(2):\n0x100\t10000ms\n0x200\t4000ms\n"
        "ephemeral nodes dump:\nSessions with Ephemerals (1):\n0x100:\n\t/e\n\t/f\n"
        "Connections dump:\nConnections Sets (1)/(2):\n"
        "\tip: /127.0.0.1:60108 sessionId: 0x100\n\tip: /[::1]:7 sessionId: 0x200\n"
    )


def test_watches_are_summed_up_and_listed_both_ways():
    assert said("wchs") == "2 connections watching 2 paths\nTotal watches:3\n"
    assert said("wchc") == "0x100\n\t/e\n\t/x\n0x200\n\t/e\n\n"
    assert said("wchp") == "/e\n\t0x100\n\t0x200\n/x\n\t0x100\n\n"


def test_dirs():
    assert said("dirs") == "datadir_size: 10\nlogdir_size: 20\n"


def test_numbers_begin_anew():
    facts = FakeFacts()
    assert answer("crst", facts, ALL) == "Connection stats reset.\n"
    assert answer("srst", facts, ALL) == "Server stats reset.\n"
    assert facts.resets == ["connections", "server"]


def test_only_what_is_allowed_is_answered():
    facts = FakeFacts()
    assert answer("srst", facts, frozenset({"srvr"})) == (
        "srst is not executed because it is not in the whitelist.\n"
    )
    assert facts.resets == []
    assert answer("srvr", facts, frozenset({"srvr"})).startswith("Zookeeper version")


@pytest.mark.parametrize("word", sorted(WORDS))
def test_without_a_leader_there_is_no_service(word):
    text = said(word, serving=False)
    if word in {"ruok", "envi"}:
        assert text == said(word)
    else:
        assert text == ("null" if word == "isro" else NOT_SERVING)
