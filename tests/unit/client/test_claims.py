from coordsvc_client.claims import Claim, ClaimState
from coordsvc_client.wire import codes


def test_a_claim_goes_forward_only_and_tells_each_step_once():
    steps = []
    claim = Claim("/l", lambda changed: steps.append(changed.state))
    claim.wait()
    claim.wait()
    claim.grant(5)
    claim.grant(5)
    claim.end(codes.NO_LOCK_REQUEST)
    claim.grant(6)
    claim.end(codes.OK)
    assert steps == [ClaimState.WAITING, ClaimState.HELD, ClaimState.GONE]
    assert claim.state is ClaimState.GONE


def test_an_abandoned_claim_is_silent():
    steps = []
    claim = Claim("/l", lambda changed: steps.append(changed.state))
    claim.abandoned = True
    claim.grant(5)
    assert steps == []
    assert claim.state is ClaimState.HELD
