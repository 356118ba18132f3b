from coordsvc.state.results import Applied


def test_an_outcome_has_no_effects_unless_told():
    applied = Applied(1, 2, 0, 3, None)
    assert not applied.events
    assert not applied.lock_changes
    assert not applied.ended
    assert applied.opened is None
