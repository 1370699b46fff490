"""One computation of a key at a time, between all processes of a machine."""

import fcntl
import os
import time

from prefect.context import TaskRunContext

from temper.home import home
from temper.process.journal import Journal

LOCKS = home() / "prefect" / "locks"


class KernelLocks:
    """Prefect's lock manager over `flock`: the kernel frees the lock of a killed process, so nothing ever hangs.

    Holds between processes of one machine; several machines that share a store need Prefect's Redis lock manager.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, int]] = {}

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock. `hold_timeout` has no use here: a lock ends with its process."""
        if self.is_lock_holder(key, holder):
            return True
        deadline, told = None if acquire_timeout is None else time.monotonic() + acquire_timeout, False
        while (handle := self._try(key)) is None:
            if not told:
                _tell()
                told = True
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        self._held[key] = (holder, handle)
        return True

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """As `acquire_lock`; the stages' tasks are synchronous."""
        return self.acquire_lock(key, holder, acquire_timeout, hold_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Raises ValueError when `holder` does not hold the lock."""
        if not self.is_lock_holder(key, holder):
            raise ValueError(f"{holder} does not hold the lock of {key}")
        os.close(self._held.pop(key)[1])

    def is_locked(self, key: str) -> bool:
        """Whether anyone holds the lock."""
        handle = self._try(key)
        if handle is None:
            return True
        os.close(handle)
        return False

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether `holder` holds the lock."""
        return self._held.get(key, ("", -1))[0] == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock; False when `timeout` seconds were not enough."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.is_locked(key):
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """As `wait_for_lock`."""
        return self.wait_for_lock(key, timeout)

    def _try(self, key: str) -> int | None:
        LOCKS.mkdir(parents=True, exist_ok=True)
        handle = os.open(LOCKS / key, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle

    def __deepcopy__(self, memo: dict[int, object]) -> "KernelLocks":
        return self  # Prefect copies policies; the locks that this process holds are the same ones


def _tell() -> None:
    """Say to whoever follows this run that its stage waits."""
    context = TaskRunContext.get()
    if context is not None:
        runtime = context.parameters["runtime"]
        Journal(runtime.pipeline_id).add(context.parameters["spec"].label, "waits", "another run computes the same")
