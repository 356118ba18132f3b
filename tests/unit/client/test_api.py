import pytest

import coordsvc_client
from coordsvc_client import connect


async def test_connect_can_be_awaited_or_entered(server, monkeypatch):
    monkeypatch.setenv("COORDSVC_ENDPOINTS", f"coord://{server.endpoint}?name=env&timeout=3")
    async with connect() as c:
        assert c.timeout_ms == 3_000
    client = await connect(server.endpoint, name="direct")
    await client.close()
    assert [hello[7] for hello in server.hellos] == ["env", "direct"]


async def test_without_an_address_the_cluster_of_coordsvc_dev_is_meant(monkeypatch):
    for variable in (None, "", "h:7"):
        if variable is None:
            monkeypatch.delenv("COORDSVC_ENDPOINTS", raising=False)
        else:
            monkeypatch.setenv("COORDSVC_ENDPOINTS", variable)
        expected = variable or "127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183"
        assert ",".join(map(str, connect()._target.addresses)) == expected


def test_every_public_name_can_be_had_and_no_other():
    for name in coordsvc_client.__all__:
        assert getattr(coordsvc_client, name) is not None
    with pytest.raises(AttributeError):
        getattr(coordsvc_client, "nothing")  # noqa: B009
