import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc_client.requests import NEVER, WINDOW, RequestQueue
from coordsvc_client.wire import codes, ops
from coordsvc_client.wire.framing import FRAME_BYTES_MAX, FrameSplitter, decode


def sent(requests, *, now=0, revision=7):
    out = []
    requests.fill(out, revision, now)
    return [decode(body) for body in FrameSplitter().split(b"".join(out))]


def record(answers):
    return lambda code, revision, value: answers.append(code)


def test_the_layouts_of_reads_and_mutations():
    requests = RequestQueue()
    requests.read(ops.GET, ("/a",), record([]))
    requests.mutate(ops.SET, ("/a", b"x", -1, []), record([]))
    requests.read(ops.GET, ("/b",), record([]), consistency=ops.STALE)
    requests.mutate(ops.CLOSE, (), record([]))
    assert sent(requests) == [
        [ops.GET, 1, ops.LINEARIZABLE, 7, "/a"],
        [ops.SET, 2, 2, "/a", b"x", -1, []],
        [ops.GET, 3, ops.STALE, 0, "/b"],
        [ops.CLOSE, 4, 2],
    ]


def test_no_more_than_the_window_is_on_the_wire():
    requests = RequestQueue()
    for _ in range(WINDOW + 10):
        requests.read(ops.GET, ("/a",), record([]))
    assert len(sent(requests)) == WINDOW
    assert sent(requests) == []
    requests.close(requests.open[1])
    assert [request[1] for request in sent(requests)] == [WINDOW + 1]


def test_a_ping_may_exceed_the_window():
    requests = RequestQueue()
    for _ in range(WINDOW + 1):
        requests.read(ops.GET, ("/a",), record([]))
    assert len(sent(requests)) == WINDOW
    requests.read(ops.PING, (), record([]))
    requests.put_first()
    assert [request[0] for request in sent(requests)] == [ops.PING]


@given(
    st.lists(st.sampled_from(["ask", "send", "answer", "break", "withdraw"]), max_size=60),
    st.randoms(use_true_random=False),
)
def test_the_floor_is_the_lowest_open_mutation_and_never_goes_back(steps, chance):
    requests = RequestQueue()
    open_ones, floors, wire = [], [], []
    for step in steps:
        if step == "ask":
            open_ones.append(requests.mutate(ops.CLOSE, (), record([])))
        elif step == "send":
            lowest = min((request.serial for request in open_ones), default=0)
            for _, serial, floor in sent(requests):
                assert floor == lowest <= serial
                floors.append(floor)
                wire.append(serial)
        elif step == "answer" and wire:
            serial = wire.pop(chance.randrange(len(wire)))
            request = requests.open[serial]
            requests.close(request)
            open_ones.remove(request)
        elif step == "withdraw" and open_ones:
            request = chance.choice(open_ones)
            requests.withdraw(request)
            if not request.open:
                assert request.serial not in wire
                open_ones.remove(request)
        elif step == "break":
            requests.requeue()
            wire.clear()
    assert floors == sorted(floors)


def test_after_a_break_open_requests_are_sent_again_in_order_and_bound_ones_are_not():
    requests = RequestQueue()
    first = requests.mutate(ops.CLOSE, (), record([]))
    requests.read(ops.PING, (), record([])).bound = True
    requests.read(ops.GET, ("/a",), record([]))
    sent(requests)
    requests.retry(first, codes.NO_QUORUM, 0)
    requests.requeue()
    assert [request[1] for request in sent(requests)] == [1, 3]
    assert not first.maybe, "the refused copy was not on the wire when it broke"


def test_what_was_on_the_wire_is_in_doubt_and_what_was_refused_is_not():
    requests = RequestQueue()
    answers = []
    requests.mutate(ops.CLOSE, (), record(answers), deadline=100)
    sent(requests)
    requests.refused()
    requests.requeue()
    requests.wake(100)
    assert answers == [codes.TIMED_OUT]
    requests.mutate(ops.CLOSE, (), record(answers), deadline=200)
    sent(requests)
    requests.requeue()
    requests.wake(200)
    assert answers[1:] == [codes.OUTCOME_UNKNOWN]


def test_a_server_that_does_not_know_leaves_the_outcome_open():
    requests = RequestQueue()
    answers = []
    request = requests.mutate(ops.CLOSE, (), record(answers), deadline=100)
    sent(requests)
    requests.retry(request, codes.OUTCOME_UNKNOWN, 0)
    requests.withdraw(request)
    assert request.open, "a copy may have taken effect, so the answer is awaited"
    requests.wake(100)
    assert answers == [codes.OUTCOME_UNKNOWN]


def test_retries_wait_longer_each_time_up_to_a_bound():
    requests = RequestQueue()
    request = requests.read(ops.PING, (), record([]))
    waits, now = [], 0
    for _ in range(12):
        assert len(sent(requests)) == 1
        requests.retry(request, codes.NO_QUORUM, now)
        waits.append(requests.due - now)
        requests.wake(now)
        assert sent(requests) == []
        now = requests.due
        requests.wake(now)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (40, 500)


def test_the_next_deadline_is_that_of_the_first_to_be_late():
    requests = RequestQueue()
    answers = []
    assert requests.due == NEVER
    requests.read(ops.PING, (), record(answers), deadline=300)
    requests.read(ops.PING, (), record(answers), deadline=200)
    assert requests.due == 200
    requests.wake(200)
    assert answers == [codes.TIMED_OUT]
    assert requests.due == 300


def test_the_end_of_a_session_ends_mutations_and_leaves_reads():
    requests = RequestQueue()
    answers = []
    requests.mutate(ops.CLOSE, (), record(answers))
    requests.read(ops.PING, (), record(answers))
    sent(requests)
    requests.mutate(ops.CLOSE, (), record(answers))
    requests.fail_mutations("over")
    assert answers == [codes.OUTCOME_UNKNOWN, codes.SESSION_EXPIRED]
    requests.fail_all(codes.STOPPING, "closed")
    assert answers[2:] == [codes.STOPPING]


def test_a_copy_of_a_mutation_counts_from_the_first_sending_and_a_read_from_the_last():
    requests = RequestQueue()
    mutation = requests.mutate(ops.CREATE, ("/a",), record([]))
    read = requests.read(ops.GET, ("/a",), record([]))
    sent(requests, now=100)
    requests.requeue()
    sent(requests, now=900)
    assert (mutation.sent_at, read.sent_at) == (100, 900)


def test_what_is_given_up_without_a_connection_leaves_nothing_behind():
    queue = RequestQueue()
    answers = []
    for number in range(10_000):
        queue.mutate(ops.CLOSE, (), lambda *answer: answers.append(answer), deadline=number)
        queue.withdraw(queue.read(ops.PING, (), lambda *_: None))
        queue.wake(number)
    assert len(answers) == 10_000
    assert sum(map(len, (queue.open, queue.unsent, queue._mutations))) < 1_000


@pytest.mark.parametrize("wrong", [object(), 2**70, "\ud800", {1}])
def test_what_cannot_be_put_into_words_is_refused_and_holds_nothing_up(wrong):
    queue, answers = RequestQueue(), []
    queue.mutate(ops.PUT, (wrong,), record(answers))
    queue.mutate(ops.CLOSE, (), record(answers))
    queue.read(ops.GET, (wrong,), record(answers))
    queue.read(ops.PING, (), record(answers))
    assert [frame[:2] for frame in sent(queue)] == [[ops.CLOSE, 2], [ops.PING, 4]]
    assert answers == [codes.BAD_ARGUMENTS] * 2
    assert queue.in_flight == 2
    assert sent(queue) == []


def test_what_no_server_would_take_is_not_sent_again_and_again():
    queue, answers = RequestQueue(), []
    queue.mutate(ops.PUT, ("/a", bytes(FRAME_BYTES_MAX)), record(answers))
    queue.read(ops.PING, (), record(answers))
    assert [frame[0] for frame in sent(queue)] == [ops.PING]
    assert answers == [codes.TOO_LARGE]
