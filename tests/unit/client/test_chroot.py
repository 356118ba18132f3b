import pytest

from coordsvc_client.chroot import Chroot, join


@pytest.mark.parametrize("prefix", ["", "/shop", "/shop/deep"])
@pytest.mark.parametrize("path", ["/", "/a", "/a/b", "/shop"])
def test_what_goes_out_comes_back(prefix, path):
    chroot = Chroot(prefix)
    assert chroot.inner(path).startswith(prefix)
    assert chroot.outer(chroot.inner(path)) == path


def test_the_root_inside_is_the_prefix_itself():
    assert Chroot("/shop").inner("/") == "/shop"


def test_a_child_is_joined_with_one_slash():
    assert (join("/", "a"), join("/a", "b")) == ("/a", "/a/b")


@pytest.mark.parametrize("path", ["", "a", "a/b", "../a"])
def test_what_is_no_path_is_none_inside_either(path):
    """With the prefix before it, it would name a node beside the root, or the root itself."""
    assert Chroot("/shop").inner(path) == path
