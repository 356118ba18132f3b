"""The real disk: how the system's refusals are told, and how descriptors are opened."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from coordsvc.base.errors import DiskFailed, DiskFull
from coordsvc.storage.os_files import OsFiles


@pytest.fixture
def file(tmp_path):
    it = OsFiles(tmp_path).open("a", create=True)
    yield it
    it.close()


def refusing(code):
    def refuse(*_args):
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["pwrite", "posix_fallocate"])
def test_no_room_is_told_apart(file, monkeypatch, code, call):
    monkeypatch.setattr(os, call, refusing(code))
    with pytest.raises(DiskFull, match="/a: "):
        file.write_at(0, b"x") if call == "pwrite" else file.allocate(1000)


def test_an_allocation_that_found_no_room_leaves_the_size_as_it_was(file, monkeypatch):
    file.write_at(0, b"abc")
    monkeypatch.setattr(os, "posix_fallocate", refusing(errno.ENOSPC))
    with pytest.raises(DiskFull):
        file.allocate(1000)
    assert file.size() == 3


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_failed_sync_is_a_failed_disk_whatever_its_reason(file, tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fdatasync", refusing(code))
    with pytest.raises(DiskFailed, match=r"fdatasync of .*/a: "):
        file.sync()
    monkeypatch.setattr(os, "fsync", refusing(code))
    with pytest.raises(DiskFailed, match="fsync of "):
        OsFiles(tmp_path).sync_names()


def test_a_failed_write_or_read_is_a_failed_disk(file, monkeypatch):
    monkeypatch.setattr(os, "pwrite", refusing(errno.EIO))
    with pytest.raises(DiskFailed, match=r"write of .*/a: Input/output error"):
        file.write_at(0, b"x")
    monkeypatch.setattr(os, "pread", refusing(errno.EIO))
    with pytest.raises(DiskFailed, match="read of "):
        file.read_at(0, 1)


def test_short_writes_and_reads_are_continued(file, monkeypatch):
    pwrite, pread = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:3], at))
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 4), at))
    file.write_at(0, b"0123456789")
    assert file.read_at(0, 100) == b"0123456789"


def test_allocated_blocks_are_written_not_only_reserved(file, monkeypatch):
    written = []
    pwrite = os.pwrite

    def recorded(descriptor, data, offset):
        written.append((offset, len(data)))
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", recorded)
    file.allocate(2_500_000)
    assert [offset for offset, _ in written] == [0, 2**20, 2 * 2**20]
    assert sum(size for _, size in written) == 2_500_000


def test_files_are_private_and_not_inherited(file, tmp_path):
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert fcntl.fcntl(file._descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def test_folders_are_not_listed(tmp_path):
    (tmp_path / "lost+found").mkdir()
    assert OsFiles(tmp_path).names() == []
    assert OsFiles(tmp_path).place_of("a") == str(tmp_path / "a")


def test_a_folder_that_is_gone_is_a_failed_disk(tmp_path):
    gone = OsFiles(tmp_path / "gone")
    for use in (gone.names, gone.free_bytes, gone.sync_names):
        with pytest.raises(DiskFailed, match="gone"):
            use()
