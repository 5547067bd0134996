"""Kills what a dead driver left behind.

Run as a script with the driver's process id as its argument and a pipe from the driver as its
standard input, on which the driver names the folder of its Ray session. When the pipe closes, the
driver is gone, however it went: every other process that has a file of that folder open is killed.
Ray's own processes notice a dead driver by themselves, but some only after a minute. They overwrite
their environment and command line with their titles, so their log files are what they can be told
by. Linux and the standard library only.
"""

import os
import signal
import sys
import time


def _holds(pid: str, folder: str) -> bool:
    """Whether a process has a file of the folder open."""
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{number}").startswith(folder):
                return True
    except OSError:
        pass  # it has ended, or belongs to somebody else
    return False


def main() -> None:
    """Waits for the driver's end, then kills until nothing of its session is left."""
    folder = sys.stdin.read().strip()
    if not folder:
        return
    spared = {sys.argv[1], str(os.getpid())}  # a driver that lives has closed its pool, no more
    for _ in range(50):
        others = [name for name in os.listdir("/proc") if name.isdigit() and name not in spared]
        pids = [pid for pid in others if _holds(pid, folder + os.sep)]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.1)


if __name__ == "__main__":
    main()
