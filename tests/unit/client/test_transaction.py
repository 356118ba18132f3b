import pytest

from coordsvc_client.chroot import Chroot
from coordsvc_client.transaction import Txn, TxnResult, kind_of
from coordsvc_client.wire import ops


async def test_conditions_choose_the_branch_and_every_operation_has_its_layout():
    sent = []

    async def send(args, timeout):
        sent.append(args)
        return 9, [False, [[0, None]]]

    txn = Txn(send, Chroot("/c"))
    txn.when_version("/a", 3).when_exists("/a").when_data("/a", "x")
    txn.when_unchanged_since("/a", 7).when_held("/l", 8)
    txn.create("/a", "x", ttl=2).put("/b", None, parents=True).set("/b", b"y", version=1)
    txn.delete("/b", recursive=True).check("/a", version=2)
    result = await txn.otherwise().check_held("/l", 8).commit()
    assert result == TxnResult(succeeded=False, revision=9, results=(None,))
    assert sent == [
        (
            [
                [ops.CHECK_VERSION, "/c/a", 3],
                [ops.CHECK_EXISTS, "/c/a", True],
                [ops.CHECK_DATA, "/c/a", b"x"],
                [ops.CHECK_MZXID, "/c/a", 7],
                [ops.CHECK_TOKEN, "/c/l", 8],
            ],
            [
                [ops.CREATE, "/c/a", b"x", ops.TTL, False, False, 2_000, []],
                [ops.PUT, "/c/b", None, True, []],
                [ops.SET, "/c/b", b"y", 1, []],
                [ops.DELETE, "/c/b", -1, True, []],
                [ops.CHECK_VERSION, "/c/a", 2],
            ],
            [[ops.CHECK_TOKEN, "/c/l", 8]],
        )
    ]


def test_a_node_is_of_one_kind():
    assert kind_of(ephemeral=False, container=False, ttl=None) == ops.PERSISTENT
    assert kind_of(ephemeral=True, container=False, ttl=None) == ops.EPHEMERAL
    assert kind_of(ephemeral=False, container=True, ttl=None) == ops.CONTAINER
    with pytest.raises(ValueError, match="one of them"):
        kind_of(ephemeral=True, container=False, ttl=5)
