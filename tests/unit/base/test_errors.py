"""The families of error."""

from coordsvc.base import errors


def test_only_our_own_faults_are_fatal():
    fatal = {errors.Fatal, errors.DiskFailed, errors.CorruptData, errors.VersionUnknown}
    families = {each for each in vars(errors).values() if isinstance(each, type)}
    assert {each for each in families if issubclass(each, errors.Fatal)} == fatal
    assert all(issubclass(each, errors.CoordsvcError) for each in families)


def test_a_refusal_carries_its_code():
    refused = errors.Refused(34, "later")
    assert (refused.code, refused.text, str(refused)) == (34, "later", "later")
