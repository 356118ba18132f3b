"""Who may change something over HTTP."""

from __future__ import annotations

import pytest

from coordsvc.server.admin.access import Access
from coordsvc.server.admin.problems import Problem

TOKEN = "0123456789abcdef"


class Request:
    def __init__(self, remote="127.0.0.1", **headers):
        self.remote = remote
        self.headers = {"Host": "n1:8181"} | headers


class Book:
    def peer_hosts(self):
        return ["10.0.0.1", "10.0.0.2", "no-such-host.invalid"]

    def http_hosts(self):
        return ["n1.example"]


def access(token=""):
    return Access(Book(), token)


@pytest.mark.parametrize("remote", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.2"])
async def test_this_machine_and_the_members_may_change_things(remote):
    await access().check(Request(remote))


@pytest.mark.parametrize("remote", ["10.0.0.3", "192.168.0.1", "", None, "::ffff:10.0.0.9"])
async def test_others_may_not_without_a_token(remote):
    with pytest.raises(Problem) as refusal:
        await access().check(Request(remote))
    assert (refusal.value.status, refusal.value.code) == (403, "denied")


async def test_with_a_token_it_counts_from_anywhere_and_nothing_else_does():
    guarded = access(TOKEN)
    await guarded.check(Request("10.9.9.9", Authorization=f"Bearer {TOKEN}"))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        with pytest.raises(Problem) as refusal:
            await guarded.check(Request("127.0.0.1", **headers))
        assert refusal.value.status == 401


async def test_members_pass_the_token_on():
    assert access(TOKEN).forwarding_headers == {"Authorization": f"Bearer {TOKEN}"}
    assert access().forwarding_headers == {}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://n1:9999", "http://["])
async def test_a_page_from_elsewhere_changes_nothing(origin):
    with pytest.raises(Problem) as refusal:
        await access().check(Request(Origin=origin))
    assert refusal.value.status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "n1.example"])
async def test_a_page_of_this_very_port_may(host):
    await access().check(Request(Host=f"{host}:8181", Origin=f"http://{host}:8181"))


@pytest.mark.parametrize("host", ["evil.example:8181", "evil.example", "", "["])
async def test_a_page_that_gave_our_address_its_own_name_changes_nothing(host):
    """Its name can be made to lead to 127.0.0.1 once the page is loaded: DNS rebinding."""
    with pytest.raises(Problem) as refusal:
        await access().check(Request(Host=host, Origin=f"http://{host}"))
    assert refusal.value.status == 403


async def test_the_token_says_more_than_any_name():
    headers = {"Host": "proxy.example", "Origin": "http://proxy.example"}
    await access(TOKEN).check(Request(Authorization=f"Bearer {TOKEN}", **headers))
    with pytest.raises(Problem) as refusal:
        await access(TOKEN).check(Request(Authorization="Bearer \udcff", **headers))
    assert refusal.value.status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/locks/l/break"),
        ("DELETE", "/v1/sessions/1"),
        ("POST", "/v1/cluster/leader"),
    ],
)
async def test_everything_that_changes_something_is_guarded(node, method, path):
    response = await node.http.request(method, path, headers={"Origin": "http://evil.example"})
    assert response.status == 403


async def test_answers_forbid_browsers_to_make_more_of_them(node):
    response = await node.http.get("/livez")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Server"] == "coordsvc"
