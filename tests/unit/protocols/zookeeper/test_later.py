import pytest

from coordsvc.protocols.zookeeper.jute import Reader
from coordsvc.protocols.zookeeper.later import Later
from coordsvc.protocols.zookeeper.records import read_reply_header


def told(later):
    frame = later.frame(9)
    reader = Reader(frame, 4)
    header = read_reply_header(reader)
    return header.xid, header.zxid, header.error, frame[reader.at :]


def test_an_answer_is_told_once_it_is_decided():
    later = Later(5, b"body")
    assert not later.decided
    with pytest.raises(AssertionError):
        later.frame(9)
    later.decide()
    assert told(later) == (5, 9, 0, b"body")


def test_it_may_be_another_body_or_an_error():
    later = Later(5, b"body")
    later.decide(body=b"other")
    assert told(later) == (5, 9, 0, b"other")
    later = Later(5, b"body")
    later.decide(-8)
    assert told(later) == (5, 9, -8, b"")
