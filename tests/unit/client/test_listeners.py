import asyncio

from coordsvc_client.listeners import call
from tests.unit.client.virtual_loop import virtual


@virtual
async def test_the_error_of_a_listener_goes_to_the_handler_of_the_loop():
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
    heard = []
    call(heard.append, 1)
    call({}.__getitem__, "missing")
    assert heard == [1]
    assert isinstance(reported[0]["exception"], KeyError)
