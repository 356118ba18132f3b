import pytest

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, messages, ops
from coordsvc.state import queries
from coordsvc.state.queries import Pages
from coordsvc_client.wire.framing import encode_frame


@pytest.fixture
def pages():
    return Pages()


def page(cell, pages, path, limit=0, after=None, cursor=0, with_data=False):
    return queries.children(
        cell.machine, pages, path, limit=limit, after=after, cursor=cursor, with_data=with_data
    )


def test_get_and_stat_answer_in_the_layout_of_the_wire(cell):
    session = cell.open()
    created = cell.create(session, "/a", b"x")
    assert queries.get(cell.machine, "/a") == (codes.OK, (b"x", created.value[1]))
    assert queries.stat(cell.machine, "/a") == (codes.OK, created.value[1])
    for odd in ("/b", "", "x", "/a/"):
        assert queries.get(cell.machine, odd) == (codes.NO_NODE, None)
        assert queries.stat(cell.machine, odd) == (codes.NO_NODE, None)


def test_children_come_sorted_in_pages_of_one_revision(cell, pages):
    session = cell.open()
    for name in "gecabdf":
        cell.create(session, f"/p/{name}", parents=True)
    code, (items, cursor) = page(cell, pages, "/p", 3)
    assert (code, items) == (codes.OK, ["a", "b", "c"])
    assert cursor
    cell.create(session, "/p/cc")
    cell.delete(session, "/p/e")
    code, (items, again) = page(cell, pages, "/p", 3, "c", cursor)
    assert (items, again) == (["d", "e", "f"], cursor)
    assert page(cell, pages, "/p", 3, "f", cursor) == (codes.OK, (["g"], 0))
    assert page(cell, pages, "/p")[1][0] == ["a", "b", "c", "cc", "d", "f", "g"]


def test_a_list_is_sorted_once_for_all_its_pages(cell, pages):
    session = cell.open()
    for n in range(10):
        cell.create(session, f"/p/{n}", parents=True)
    _, (_, cursor) = page(cell, pages, "/p", 2)
    kept = pages.find("/p", cursor)
    page(cell, pages, "/p", 2, "1", cursor)
    page(cell, pages, "/p", 2)
    assert pages.find("/p", cursor) is kept


def test_another_replica_can_go_on_while_the_children_are_the_same(cell, pages):
    session = cell.open()
    for n in range(4):
        cell.create(session, f"/p/{n}", parents=True)
    _, (_, cursor) = page(cell, pages, "/p", 2)
    assert page(cell, Pages(), "/p", 2, "1", cursor) == (codes.OK, (["2", "3"], 0))
    cell.create(session, "/p/9")
    assert page(cell, Pages(), "/p", 2, "1", cursor) == (codes.CURSOR_LOST, None)
    cell.delete(session, "/p", recursive=True)
    assert page(cell, pages, "/p", 2, "1", cursor) == (codes.OK, (["2", "3"], 0))
    assert page(cell, pages, "/p") == (codes.NO_NODE, None)


def test_lists_are_bounded_in_number_and_names(cell, pages, monkeypatch):
    monkeypatch.setattr(limits, "CURSORS_MAX", 2)
    for n in (1, 2):
        pages.keep("/p", n, ["/p/1"])
    pages.find("/p", 1)
    pages.keep("/p", 3, ["/p/1"])
    assert pages.find("/p", 2) is None
    assert pages.find("/p", 1)
    monkeypatch.setattr(limits, "CURSOR_NAMES_MAX", 3)
    pages.keep("/p", 4, ["/p/1", "/p/2", "/p/3"])
    assert pages.find("/p", 1) is None
    assert pages.find("/p", 4)


def test_a_listing_with_data_is_bounded_in_bytes_but_never_empty(cell, pages, monkeypatch):
    session = cell.open()
    for n in range(4):
        cell.create(session, f"/p/{n}", b"x" * 1000, parents=True)
    monkeypatch.setattr(limits, "PAGE_BYTES_MAX", 2400)
    _, (items, cursor) = page(cell, pages, "/p", with_data=True)
    assert [item[0] for item in items] == ["0", "1"]
    assert items[0][1:] == queries.get(cell.machine, "/p/0")[1]
    cell.delete(session, "/p/2")
    monkeypatch.setattr(limits, "PAGE_BYTES_MAX", 10)
    _, (items, cursor) = page(cell, pages, "/p", 5, "1", cursor, with_data=True)
    assert [item[0] for item in items] == ["3"]
    assert cursor == 0


def test_a_listing_of_names_is_bounded_in_bytes_but_never_empty(cell, pages, monkeypatch):
    session = cell.open()
    for n in range(4):
        cell.create(session, f"/p/{n}" + "x" * 100, parents=True)
    monkeypatch.setattr(limits, "PAGE_BYTES_MAX", 250)
    _, (items, cursor) = page(cell, pages, "/p")
    assert [item[0] for item in items] == ["0", "1"]
    monkeypatch.setattr(limits, "PAGE_BYTES_MAX", 10)
    _, (items, cursor) = page(cell, pages, "/p", 5, items[-1], cursor)
    assert [item[0] for item in items] == ["2"]
    assert cursor


def test_a_page_full_of_children_that_are_gone_goes_on_to_the_next(cell, pages):
    session = cell.open()
    for n in range(6):
        cell.create(session, f"/p/{n}", parents=True)
    _, (_, cursor) = page(cell, pages, "/p", 2, with_data=True)
    for n in (2, 3, 4):
        cell.delete(session, f"/p/{n}")
    _, (items, cursor) = page(cell, pages, "/p", 2, "1", cursor, with_data=True)
    assert [item[0] for item in items] == ["5"]


def test_the_root_can_be_listed(cell, pages):
    session = cell.open()
    assert page(cell, pages, "/") == (codes.OK, ([], 0))
    for name in "ab":
        cell.create(session, f"/{name}")
    assert page(cell, pages, "/", after="a") == (codes.OK, (["b"], 0))


def test_a_lock_is_shown_with_holders_queue_and_delay(cell):
    one, two = cell.open("one"), cell.open("two")
    held = cell.acquire(one, "/l", delay=100, note="why").revision
    waits = cell.acquire(two, "/l", shared=True).revision
    code, view = queries.lock(cell.machine, "/l")
    shown = dict(zip(messages.LOCK_FIELDS, view, strict=True))
    assert code == codes.OK
    assert shown["holders"] == [(held, one, "one", False, held, 1000, "why")]
    assert shown["queue"] == [(waits, two, "two", True, 0, 1000, "")]
    assert len(shown["holders"][0]) == len(messages.CLAIM_FIELDS)
    cell.expire(one)
    assert queries.lock(cell.machine, "/l")[1][3] == 1100
    cell.put(two, "/idle")
    assert (shown["holding"], shown["waiting"]) == (1, 1)
    assert queries.lock(cell.machine, "/idle") == (codes.OK, ("/idle", (), (), 0, 0, 0))
    assert queries.lock(cell.machine, "/none") == (codes.NO_NODE, None)


def test_locks_are_listed_below_a_prefix_in_pages(cell):
    session = cell.open()
    for path in ("/x/c", "/x/a", "/xy", "/x/b"):
        cell.acquire(session, path)
    code, shown = queries.locks(cell.machine, "/x", 2, None)
    assert [view[0] for view in shown] == ["/x/a", "/x/b"]
    code, shown = queries.locks(cell.machine, "/x", 2, "/x/b")
    assert [view[0] for view in shown] == ["/x/c"]
    assert len(queries.locks(cell.machine, "/", 0, None)[1]) == 4
    assert code == codes.OK


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_said_of_locks_fits_an_answer_however_many_want_them(cell, shared):
    session = cell.open("n" * limits.CLIENT_NAME_BYTES_MAX)
    for _ in range(1_500):
        cell.acquire(session, "/l", shared=shared, note="\u20ac" * 341)
    for path in ("/m", "/n"):
        cell.acquire(session, path)
    for code, view in (queries.lock(cell.machine, "/l"), queries.locks(cell.machine, "/", 0, None)):
        assert code == codes.OK
        assert len(encode_frame([[1, code, 5, view]])) < limits.FRAME_BYTES_MAX // 2
    shown = dict(zip(messages.LOCK_FIELDS, queries.lock(cell.machine, "/l")[1], strict=True))
    assert len(shown["holders"]) >= 1
    assert shown["holding"] + shown["waiting"] == 1_500
    after, listed = None, []
    while page := queries.locks(cell.machine, "/", 0, after)[1]:
        listed += [view[0] for view in page]
        after = listed[-1]
    assert listed == ["/l", "/m", "/n"]


def test_the_state_of_a_claim(cell):
    one, two = cell.open(), cell.open()
    requests = [cell.acquire(session, "/l").revision for session in (one, two, two)]
    states = [queries.lock_state(cell.machine, "/l", request)[1] for request in requests]
    assert states == [
        (ops.HELD, requests[0], requests[0], 0),
        (ops.WAITING, requests[1], 0, 1),
        (ops.WAITING, requests[2], 0, 2),
    ]
    gone = (codes.OK, (ops.GONE, 99, 0, 0))
    assert queries.lock_state(cell.machine, "/l", 99) == gone
    assert queries.lock_state(cell.machine, "/none", 99) == gone


def test_a_token_is_valid_while_its_claim_holds(cell):
    session = cell.open()
    held = cell.acquire(session, "/l").revision
    assert queries.token(cell.machine, "/l", held) == (codes.OK, None)
    assert queries.token(cell.machine, "/l", held + 1) == (codes.STALE_TOKEN, None)
    cell.release(session, "/l", held)
    assert queries.token(cell.machine, "/l", held) == (codes.STALE_TOKEN, None)


def test_sessions_are_listed_in_pages(cell):
    ids = [cell.open(f"c{n}") for n in range(3)]
    cell.create(ids[1], "/e", kind=ops.EPHEMERAL)
    cell.acquire(ids[1], "/l")
    _, shown = queries.sessions(cell.machine, 1, ids[0])
    assert shown == [(ids[1], "c1", "10.0.0.1:5", 10_000, 1000, 1, 1)]
    assert len(shown[0]) == len(messages.SESSION_FIELDS)
    assert len(queries.sessions(cell.machine, 0, 0)[1]) == 3
