"""How the bounds relate."""

from coordsvc.base import limits
from coordsvc_client.wire import framing


def test_every_bound_is_a_positive_number():
    bounds = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert all(type(value) is int and value > 0 for value in bounds.values())


def test_client_and_server_agree_on_the_largest_frame():
    assert limits.FRAME_BYTES_MAX == framing.FRAME_BYTES_MAX
