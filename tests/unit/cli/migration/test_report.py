import json

from coordsvc.cli.migration import report as kinds
from coordsvc.cli.migration.report import Report


def test_what_was_left_is_counted_and_explained():
    report = Report(read=3, created=2)
    report.leave(kinds.EPHEMERAL, "/e", "session 0x1")
    for i in range(kinds.LISTED_MAX + 5):
        report.leave(kinds.ACL, f"/{i:05}")
    seen = json.loads(json.dumps(report.as_json()))
    assert (seen["read"], seen["created"], seen["complete"]) == (3, 2, True)
    assert seen["not_carried"]["ephemeral"]["paths"] == {"/e": "session 0x1"}
    assert seen["not_carried"]["acl"]["count"] == kinds.LISTED_MAX + 5
    assert len(seen["not_carried"]["acl"]["paths"]) == kinds.LISTED_MAX


def test_only_what_could_have_been_carried_is_a_failure():
    report = Report()
    for kind in kinds.MEANINGS:
        report.leave(kind, "/a")
        assert report.failed == (kind in kinds.FAILURES)
        report.settle(kind, "/a")
    assert not report.failed


def test_a_node_that_is_no_more_is_on_no_list():
    report = Report()
    report.leave(kinds.ACL, "/a")
    report.leave(kinds.UNREADABLE, "/a")
    report.forget("/a")
    assert report.as_json()["not_carried"] == {}


def test_lines_for_people_name_some_of_the_paths():
    report = Report(read=5)
    for name in "abcd":
        report.leave(kinds.QUOTA, f"/{name}")
    first, quota, remark = report.lines()
    assert first.startswith("5 nodes read, 0 created")
    assert quota == "not carried: 4 quotas: set them again (/a, /b, /c, ...)"
    assert remark == kinds.REMARK
