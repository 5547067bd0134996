"""Kills what a dead driver left behind.

Run as a script with the driver's process id and the folder of its Ray cluster as arguments and a
pipe from the driver as standard input. When the pipe closes, the driver is gone, however it went:
every other process that has a file of that folder open is killed, and the folder removed. Ray's own
processes notice a dead driver by themselves, but some only after a minute. They overwrite their
environment and command line with their titles, so their log files are what they can be told by.
Linux and the standard library only.
"""

import os
import shutil
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
    """Waits for the driver's end, then kills until nothing of its cluster is left."""
    folder = sys.argv[2]
    sys.stdin.read()
    spared = {sys.argv[1], str(os.getpid())}  # a driver that lives has closed its pool, no more
    for _ in range(50):
        others = [name for name in os.listdir("/proc") if name.isdigit() and name not in spared]
        pids = [pid for pid in others if _holds(pid, folder + os.sep)]
        if not pids:
            break
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
