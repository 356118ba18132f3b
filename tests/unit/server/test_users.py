import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.server.users import users_of

JAAS = """
// for the servers
Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required
    user_super="admin\\"secret"
    user_bob="bob secret";
};
Client {
    org.apache.zookeeper.server.auth.DigestLoginModule required
    username="bob"
    password="x";
};
"""


def test_lines_name_users_and_their_passwords():
    text = "# people\nbob:secret\n\n  ann:a:b \n"
    assert users_of(text) == {"bob": "secret", "ann": "a:b"}


def test_a_file_of_java_is_read_as_it_is():
    assert users_of(JAAS) == {"super": 'admin"secret', "bob": "bob secret"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("bob", "line 1 is not user:password"),
        ("# x\n:secret", "line 2 is not"),
        ("bob:", "line 1 is not"),
        ("bob:1\nbob:2", "line 2: bob is there twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, fault):
    with pytest.raises(ValueError, match=fault):
        users_of(text)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.from_regex(r"[!-~]{1,9}", fullmatch=True)
    )
)
def test_what_is_written_is_read(users):
    assert users_of("".join(f"{name}:{secret}\n" for name, secret in users.items())) == users
