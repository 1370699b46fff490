"""How the store's files get onto a local disk: whole, read-only, stamped, and there after a power cut."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from temper.artifacts.contents import Entry, file_sha256
from temper.errors import StoreError

STAMP = 1.0
"""Modification time of every local file in the store (seconds since the epoch)."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def untouched(path: Path, entry: Entry) -> bool:
    """Whether a stored file is what was stored; read only when its stamp says that somebody wrote to it."""
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_size == entry.size and (found.st_mtime == STAMP or file_sha256(path) == entry.sha256)


def doubt(path: Path) -> None:
    """Take the stamp from a stored file, so that every quick look reads it from now on."""
    with suppress(OSError):  # missing, or not ours to change: then its reader has to say what it is
        os.utime(path)


def place(source: Path, target: Path, sha256: str) -> None:
    """Link a file that nobody else has a name for, copy any other; leave it read-only, stamped and on disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    found = source.lstat()
    alone = found.st_nlink == 1 and found.st_dev == target.parent.stat().st_dev and not source.is_symlink()
    if alone:
        os.link(source, target)
        sync(target)
    else:
        with target.open("xb") as file:
            if file_sha256(source, copy_to=file) != sha256:
                raise StoreError(f"{source} changed while it was published; run again")
            file.flush()
            os.fsync(file.fileno())
    target.chmod(0o444)
    os.utime(target, (STAMP, STAMP))


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process of this machine at a time; the kernel frees the lock of a killed one."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new folder beside `target` to fill and rename; removed if that does not happen."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    part.mkdir()
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sync_folders(folder: Path) -> None:
    """Put the names of all files below `folder` on disk."""
    for parent, _, _ in os.walk(folder):
        sync(Path(parent))


def sync(path: Path) -> None:
    """Put a file's contents, or a folder's names, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(place: str) -> Iterator[None]:
    """A failed write as StoreError with its remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            said = "no space left: free some, or set TEMPER_HOME or runtime.store to a larger disk"
        else:
            said = f"{error.strerror or error}: check that the folder exists and may be written"
        raise StoreError(f"cannot write to {place}: {said}") from error
