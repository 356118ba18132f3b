import socket

import pytest

from coordsvc.server.notify import READY, notify


@pytest.fixture
def manager(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        yield listener


def test_the_manager_is_told(manager):
    assert notify(READY, "STATUS=leader")
    assert manager.recv(100) == b"READY=1\nSTATUS=leader"


def test_an_abstract_socket_is_reached_too(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + listener.getsockname()[1:].decode())
        assert notify(READY)
        assert listener.recv(100) == b"READY=1"


@pytest.mark.parametrize("place", [None, "", "vsock:1", "/nobody/here"])
def test_without_a_manager_nothing_happens(place, monkeypatch):
    if place is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", place)
    assert not notify(READY)
