import socket

from coordsvc.server.keepalive import watch_over


def test_the_kernel_is_told_how_patient_to_be():
    with socket.socket() as sock:
        watch_over(sock, idle_s=7, interval_s=3, probes=4)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [sock.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [7, 3, 4]
    watch_over(None, idle_s=1, interval_s=1, probes=1)
