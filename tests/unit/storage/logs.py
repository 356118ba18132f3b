"""Logs on a simulated disk, and what opening one again finds."""

import random

from coordsvc.base.errors import CorruptData
from coordsvc.storage import segment
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import SimFiles

SEGMENT = 4096
SALT = 0xC0FFEE


def disk(seed=0, **options):
    return SimFiles(random.Random(seed), **options)


def opened(files, **options):
    options = {"segment_bytes": SEGMENT, "first_segment_bytes": 2048} | options
    return WriteAheadLog.open(files, salt=SALT, **options)


def entries_of(recovered):
    """The entries that the records leave, by index."""
    entries = {}
    for first, last, payload in recovered.records:
        for index in [each for each in entries if each >= first]:
            del entries[index]
        for index in range(first, last + 1):
            entries[index] = (payload, index - first)
    return entries


def outcome_of(files):
    """The records that opening finds, or the error it raises."""
    try:
        return opened(files).recovered.records
    except CorruptData as error:
        return error


def segments_of(files):
    return [name for name in files.names() if segment.number_of(name) is not None]


def payload_of(index, size=100):
    return (b"%d;" % index * size)[:size]


def filled(files, count, *, size=100, start=1):
    log = opened(files)
    for index in range(start, start + count):
        log.append(index, index, payload_of(index, size))
        log.sync()
    return log
