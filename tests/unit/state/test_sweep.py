from hypothesis import given
from hypothesis import strategies as st

from coordsvc.state.sweep import Sweep


def encode(key, value):
    return f"{key}={value[0]}".encode()


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("sdct")), max_size=40))
def test_a_sweep_shows_the_table_as_it_was_when_it_began(steps):
    table = {key: [0] for key in range(4)}
    sweep = Sweep(table, encode)
    taken = []
    for key, step in steps:
        if step == "t":
            taken.append(sweep.take())
            continue
        sweep.before_change(key)
        if step == "d":
            table.pop(key, None)
        elif step == "s" and key in table:
            table[key][0] += 1
        else:
            table[key] = [99]
    while (item := sweep.take()) is not None:
        taken.append(item)
    assert sorted(item for item in taken if item) == [b"0=0", b"1=0", b"2=0", b"3=0"]
