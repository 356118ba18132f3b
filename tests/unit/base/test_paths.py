"""The syntax of paths: ZooKeeper's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.base import limits, paths


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/b", "/...", "/a b", "/.a", "/a.", "/..a", "/ünïcödé", "/日本", "/a\ufeff"[:2]],
)
def test_a_path_that_zookeeper_takes_is_taken(path):
    assert paths.fault_of(path) == ""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/b",
        "/a/",
        "//",
        "//a",
        "/a//b",
        "/.",
        "/..",
        "/a/.",
        "/a/../b",
        "/./a",
        "/\0",
        "/a\x1f",
        "/\x7f",
        "/\x9f",
        "/\ud800",
        "/\ue000",
        "/\uf8ff",
        "/\ufff0",
        "/\uffff",
        "/😀",
    ],
)
def test_a_path_that_zookeeper_refuses_is_refused(path):
    assert paths.fault_of(path)


@pytest.mark.parametrize("edge", ["\x20", "\x7e", "\xa0", "\ud7ff", "\uf900", "\uffef"])
def test_the_characters_beside_the_forbidden_ones_are_fine(edge):
    assert paths.fault_of("/" + edge) == ""


def test_length_is_counted_in_bytes_and_depth_in_parts():
    assert paths.fault_of("/" + "a" * (limits.PATH_BYTES_MAX - 1)) == ""
    assert paths.fault_of("/" + "a" * limits.PATH_BYTES_MAX)
    assert paths.fault_of("/" + "日" * (limits.PATH_BYTES_MAX // 3 + 1))
    assert paths.fault_of("/a" * limits.PATH_DEPTH_MAX) == ""
    assert paths.fault_of("/a" * (limits.PATH_DEPTH_MAX + 1))


@pytest.mark.parametrize(
    ("path", "parent", "name"), [("/", "/", ""), ("/a", "/", "a"), ("/a/b", "/a", "b")]
)
def test_a_path_has_a_parent_and_a_name(path, parent, name):
    assert paths.parent_of(path) == parent
    assert paths.name_of(path) == name


@pytest.mark.parametrize(
    ("path", "top", "within"),
    [("/a", "/", True), ("/a", "/a", True), ("/a/b", "/a", True), ("/ab", "/a", False)],
)
def test_what_lies_below_is_within(path, top, within):
    assert paths.is_within(path, top) is within


names = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/."), min_size=1
)


@given(st.lists(names, min_size=1, max_size=6))
def test_joining_and_taking_apart_are_inverse(parts):
    path = paths.ROOT
    for part in parts:
        child = paths.join(path, part)
        assert (paths.parent_of(child), paths.name_of(child)) == (path, part)
        assert paths.is_within(child, path)
        path = child
    assert paths.fault_of(path) == ""


@given(st.text("/.aé\x7f\x00", max_size=8) | st.builds("/a".__mul__, st.integers(60, 140)))
def test_a_first_look_finds_nothing_wrong_only_where_a_closer_one_agrees(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "_is_simple", lambda _path: False)
        closer = paths.fault_of(path)
    assert paths.fault_of(path) == closer
