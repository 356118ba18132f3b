"""What pure rooms are handed."""

from coordsvc.base.ports import SilentLogger


def test_the_silent_logger_takes_everything_and_says_nothing(capsys):
    log = SilentLogger()
    for say in (log.debug, log.info, log.warning, log.error):
        say("event", field=1)
    assert capsys.readouterr() == ("", "")
