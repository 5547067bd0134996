"""Landlock and seccomp: built once in the template process, applied in every child.

Loaded by its path in the template process; imports nothing of sldagent. Landlock is called by raw
system calls (its numbers are the same on every architecture); libseccomp, through pyseccomp,
compiles the filter to BPF once, and a child loads those bytes with one prctl.
"""

import ctypes
import errno
import fcntl
import os
import struct
import sys
from collections.abc import Callable

_libc = ctypes.CDLL(None, use_errno=True)

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
# Of fcntl only these: F_SETOWN and F_SETSIG would have the kernel send signals for the program.
_FCNTL = (fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL)

# Rights that each Landlock version knows: all are handled, and no rule grants any.
_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_RIGHTS = 0b11  # from version 4: bind and connect TCP
_SCOPES = 0b11  # from version 6: abstract UNIX sockets, signals

# What numpy, scipy and the interpreter need to compute. Everything else fails with EPERM: fork,
# threads (root could start them without end), exec, sockets, kill, ptrace, mounts, io_uring, memfd,
# sleeping, changing limits, and what is new. Both locks refuse to open anything, libraries too: a
# read sets a file's access time, by which one child could tell another what it has fitted. What a
# program imports is there before the fork.
_ALLOWED = """
read readv pread64 preadv write writev lseek close close_range dup dup2 dup3 fstat stat lstat
newfstatat statx access faccessat faccessat2 getcwd fstatfs
mmap munmap mremap mprotect madvise brk membarrier
futex futex_waitv sched_yield sched_getaffinity sched_getparam sched_getscheduler getcpu
set_robust_list get_robust_list set_tid_address rseq arch_prctl
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending sigaltstack restart_syscall
clock_gettime clock_getres gettimeofday time times getrusage getrlimit getrandom uname
getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid getresgid
poll ppoll select pselect6 exit exit_group
""".split()


def _syscall(number: int, *args: object) -> int:
    result = _libc.syscall(number, *args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(result)


def landlock_version() -> int:
    """The kernel's Landlock version; 0 where it has none."""
    try:
        return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    except OSError:
        return 0


def _landlock_ruleset(version: int) -> int:
    """A ruleset that handles every right and grants none."""
    rights = (1 << _FS_RIGHTS[min(version, 5)]) - 1
    fields = [rights]
    if version >= 4:
        fields.append(_NET_RIGHTS)
    if version >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    high = fcntl.fcntl(ruleset, fcntl.F_DUPFD_CLOEXEC, 100)  # clear of the numbers a child uses
    os.close(ruleset)
    return high


def _seccomp_program() -> bytes:
    """The filter as BPF instructions (`struct sock_filter`, 8 bytes each)."""
    import pyseccomp

    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.ERRNO(errno.EPERM))
    for name in _ALLOWED:
        try:
            rules.add_rule(pyseccomp.ALLOW, name)
        except (OSError, ValueError, RuntimeError):
            continue  # this architecture or this libseccomp has no such call: it stays refused
    for command in _FCNTL:
        rules.add_rule(pyseccomp.ALLOW, "fcntl", pyseccomp.Arg(1, pyseccomp.EQ, command))
    rules.add_rule(pyseccomp.ALLOW, "prlimit64", pyseccomp.Arg(2, pyseccomp.EQ, 0))
    fd = os.memfd_create("filter")
    with os.fdopen(fd, "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _made_elsewhere(make: Callable[[], bytes]) -> bytes:
    """What `make` returns in a fork: what it imports stays out of this process and its children.

    Raises:
        OSError: It failed; the words are those of its exception.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            data = make()
            status = 0
        except Exception as error:
            data = f"{type(error).__name__}: {error}".encode()
        with os.fdopen(write, "wb") as file:
            file.write(data)
        os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        data = file.read()
    if os.waitpid(pid, 0)[1] != 0:
        raise OSError(data.decode("utf-8", "replace") or "the process that was to say so died")
    return data


class Lockdown:
    """What a child is put under; `apply` cannot be undone."""

    def __init__(self, landlock: bool, seccomp: bool) -> None:
        version = landlock_version() if landlock else 0
        self.landlock_fd = _landlock_ruleset(version) if version else -1
        self._filter = None
        if seccomp:
            program = _made_elsewhere(_seccomp_program)
            self._instructions = ctypes.create_string_buffer(program, len(program))
            address = ctypes.addressof(self._instructions)
            # struct sock_fprog: unsigned short len, (padding), pointer
            self._filter = struct.pack("@HP", len(program) // 8, address)

    @property
    def protection(self) -> str:
        """The name in `protocol.Protection` for what `apply` does."""
        if self._filter is None:
            return "limits"
        return "full" if self.landlock_fd >= 0 else "seccomp"

    def apply(self) -> None:
        """Locks the calling process for good; raises OSError where the kernel refuses."""
        if self._filter is None:
            return
        self._prctl(_PR_SET_NO_NEW_PRIVS, 1, 0)
        if self.landlock_fd >= 0:
            _syscall(_RESTRICT_SELF, self.landlock_fd, 0)
            os.close(self.landlock_fd)
        self._prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._filter)

    @staticmethod
    def _prctl(option: int, value: int, pointer: object) -> None:
        zero = ctypes.c_ulong(0)
        if _libc.prctl(option, ctypes.c_ulong(value), pointer or zero, zero, zero) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent ends (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(9), *[ctypes.c_ulong(0)] * 3)
