"""Runs a program that cannot outlive the process that asked for it; a script of its own that imports nothing of ours.

Usage: launcher.py PARENT_PID PROGRAM ARGUMENT...   (standard input: a pipe that the parent keeps open)

On Linux the kernel kills the program when its parent is gone (prctl PR_SET_PDEATHSIG survives execve), which costs no
process. Elsewhere this script stays, and kills the program once the pipe is closed. A hook between fork and exec in
the parent would do the same, but is unsafe in a process with threads.
"""

from __future__ import annotations

import os
import sys


def main(parent: int, command: list[str]) -> int:
    """Becomes `command` on Linux; elsewhere runs it and gives its exit code."""
    platform: str = sys.platform
    if platform == "linux":
        _die_with_parent()
        if os.getppid() != parent:  # it was gone before the kernel was told
            return 1
        os.execv(command[0], command)  # noqa: S606
    return _watch(command)


def _die_with_parent() -> None:
    import ctypes
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)


def _watch(command: list[str]) -> int:
    import subprocess
    import threading

    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603

    def until_parent_is_gone() -> None:
        while os.read(0, 4096):
            pass
        program.kill()

    threading.Thread(target=until_parent_is_gone, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
