"""Processes that never outlive whoever started them, however that one ended (`kill -9` included).

A command runs below a small guard in a process group of its own. The guard holds the reading end of a pipe whose
writing end only the starter has: when the starter is gone the kernel closes the pipe, and the guard ends the group.
(PR_SET_PDEATHSIG would reach the direct child alone, and fires when the starting *thread* ends.)
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 15.0
"""Seconds between asking a group to end (SIGTERM) and ending it (SIGKILL): a stage stops its engine meanwhile."""


class Process:
    """A running command and its process group. Use as a context manager: leaving it ends the group."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Start `command`; what it prints is appended to `log`."""
        guarded, self._lifeline = os.pipe()
        try:
            with log.open("ab") as output:
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__, str(guarded), *command],
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(guarded,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(guarded)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Id of the guard, which is the id of the process group."""
        return self._guard.pid

    def poll(self) -> int | None:
        """Exit code of the command (negative: the signal that ended it), or None while it runs."""
        code = self._guard.poll()
        return code if code is None or code < 128 else 128 - code

    def wait(self, seconds: float) -> int | None:
        """As `poll`, after at most so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(seconds)
        return self.poll()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask the group to end, then end it. Safe to call again."""
        if self._lifeline >= 0:
            if self._guard.poll() is None:
                self._signal(signal.SIGTERM)
                self.wait(grace_s)
            self._signal(signal.SIGKILL)
            self._guard.wait()
            os.close(self._lifeline)
            self._lifeline = -1

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._guard.pid, number)


def _main() -> int:
    """The guard itself: `guard.py PIPE COMMAND...`; its exit code is the command's, 128 + n for signal n."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, lambda *_: None)  # the command gets its own SIGTERM; the guard reports its end
    child = subprocess.Popen(command)
    orphaned = threading.Event()

    def end_with_starter() -> None:
        os.read(lifeline, 1)
        orphaned.set()
        os.killpg(0, signal.SIGTERM)
        time.sleep(GRACE_S)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_starter, daemon=True).start()
    code = child.wait()
    if orphaned.is_set():
        os.killpg(0, signal.SIGKILL)  # whatever the command left behind
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    raise SystemExit(_main())
