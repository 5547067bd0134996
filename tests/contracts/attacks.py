"""What hostile code tries. Each attack sends {"got": …} where it succeeds, and raises where not.

`give` holds what the test prepared: `folder` to write in, files, ports, a victim process.
"""

# Name -> code; a sandbox refuses each with PermissionError and touches nothing.
REFUSED: dict[str, str] = {
    # -- reading
    "passwd": "send({'got': open('/etc/passwd').read(10)})",
    "project source": "send({'got': open(give['source']).read(10)})",
    "packaged table": "send({'got': open(give['table']).read(10)})",
    "other package": "send({'got': open(give['package']).read(10)})",
    "list a folder": "send({'got': os.listdir(give['folder'])})",
    "own environment": "send({'got': len(open('/proc/self/environ', 'rb').read())})",
    "parent's environment": (
        "send({'got': len(open(f'/proc/{os.getppid()}/environ', 'rb').read())})"
    ),
    "driver's environment": (
        "text = open(f'/proc/{give[\"driver\"]}/environ', 'rb').read()\nsend({'got': len(text)})"
    ),
    "own maps": "send({'got': open('/proc/self/maps').read(10)})",
    "parent's maps": "send({'got': open(f'/proc/{os.getppid()}/maps').read(10)})",
    "own memory by numpy": """
here = np.arange(8, dtype=np.uint8)
there = np.fromfile('/proc/self/mem', np.uint8, count=8, offset=here.ctypes.data)
send({'got': there.tolist()})
""",
    "victim's memory": """
with open(f"/proc/{give['victim']}/mem", 'rb', buffering=0) as memory:
    memory.seek(give['address'])
    send({'got': memory.read(6).decode()})
""",
    "victim's descriptor": "send({'got': open(f\"/proc/{give['victim']}/fd/1\", 'wb').fileno()})",
    "process_vm_readv": """
buffer = ctypes.create_string_buffer(6)
local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 6)
remote = (ctypes.c_size_t * 2)(give['address'], 6)
syscall(give['process_vm_readv'], give['victim'], local, 1, remote, 1, 0)
send({'got': buffer.value.decode()})
""",
    "process_vm_writev": """
buffer = ctypes.create_string_buffer(b'secret')
local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 6)
remote = (ctypes.c_size_t * 2)(give['address'], 6)
send({'got': syscall(give['process_vm_writev'], give['victim'], local, 1, remote, 1, 0)})
""",
    "ptrace": "send({'got': syscall(give['ptrace'], 0x4206, give['victim'], 0, 0)})",
    "pidfd of a descriptor": (
        "fd = syscall(give['pidfd_open'], give['victim'], 0)\n"
        "send({'got': syscall(give['pidfd_getfd'], fd, 1, 0)})"
    ),
    # -- writing
    "write a file": "open(give['folder'] + '/new', 'w').write('x'); send({'got': 1})",
    "write in /tmp": "open(give['temporary'], 'w').write('x'); send({'got': 1})",
    "write in /dev/shm": "open(give['shared'], 'w').write('x'); send({'got': 1})",
    "write in the working directory": (
        "open(os.path.relpath(give['folder'] + '/relative'), 'w').write('x'); send({'got': 1})"
    ),
    "append": "open(give['folder'] + '/file', 'a').write('x'); send({'got': 1})",
    "truncate": "os.truncate(give['folder'] + '/long', 1); send({'got': 1})",
    "truncate by open": (
        "os.open(give['folder'] + '/long', os.O_RDONLY | os.O_TRUNC); send({'got': 1})"
    ),
    "truncate a library": ("os.open(give['library'], os.O_RDONLY | os.O_TRUNC); send({'got': 1})"),
    "write to a library": "os.open(give['library'], os.O_WRONLY); send({'got': 1})",
    "nameless file": "os.open(give['folder'], os.O_TMPFILE | os.O_RDWR); send({'got': 1})",
    "mkdir": "os.mkdir(give['folder'] + '/made'); send({'got': 1})",
    "unlink": "os.unlink(give['folder'] + '/gone'); send({'got': 1})",
    "rename": "os.rename(give['folder'] + '/moves', give['folder'] + '/moved'); send({'got': 1})",
    "symlink": "os.symlink('/', give['folder'] + '/link'); send({'got': 1})",
    "hard link": "os.link(give['folder'] + '/file', give['folder'] + '/twin'); send({'got': 1})",
    "chmod": "os.chmod(give['folder'] + '/file', 0o700); send({'got': 1})",
    "utime": "os.utime(give['folder'] + '/file', (1, 1)); send({'got': 1})",
    "setxattr": "os.setxattr(give['folder'] + '/file', 'user.x', b'1'); send({'got': 1})",
    "mkfifo": "os.mkfifo(give['folder'] + '/fifo'); send({'got': 1})",
    "memfd": "send({'got': os.memfd_create('x')})",
    "pipe": "send({'got': os.pipe()})",
    "lock a file": "fd = os.open(give['library'], 0); fcntl.flock(fd, 2); send({'got': 1})",
    # -- the network
    "tcp": "socket.create_connection(('127.0.0.1', give['tcp'])).send(b'x'); send({'got': 1})",
    "udp": """
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', give['udp']))
send({'got': 1})
""",
    "listen": "socket.create_server(('127.0.0.1', 0)); send({'got': 1})",
    "unix socket": """
s = socket.socket(socket.AF_UNIX)
s.connect(give['unix']); s.send(b'x'); send({'got': 1})
""",
    "abstract socket": """
s = socket.socket(socket.AF_UNIX)
s.connect(give['abstract']); s.send(b'x'); send({'got': 1})
""",
    "socketpair": "socket.socketpair(); send({'got': 1})",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); send({'got': 1})",
    # -- processes
    "fork": "pid = os.fork()\nsend({'got': pid}) if pid else os._exit(0)",
    "forkpty": "pid, _ = os.forkpty()\nsend({'got': pid}) if pid else os._exit(0)",
    "spawn": "send({'got': os.posix_spawn('/bin/true', ['true'], {})})",
    "subprocess": "send({'got': subprocess.run(['/bin/true']).returncode})",
    "shell": """
answer = os.system('exit 3')
if answer != 3 << 8: raise PermissionError(answer)
send({'got': answer})
""",
    "spelled import": """
answer = getattr(__import__('o' + 's'), 'sys' + 'tem')('exit 3')
if answer != 3 << 8: raise PermissionError(answer)
send({'got': answer})
""",
    "exec": """os.execv('/bin/sh', ['sh', '-c', "echo '{\\"got\\": 1}' >&3"])""",
    "multiprocessing": """
context = multiprocessing.get_context('fork')
worker = context.Process(target=int); worker.start(); worker.join(); send({'got': 1})
""",
    "clone": """
pid = syscall(give['clone'], 17, 0, 0, 0, 0)
if pid == 0: os._exit(0)
send({'got': pid})
""",
    "memfd and exec": """
fd = os.memfd_create('x')
os.write(fd, open('/bin/true', 'rb').read())
pid = os.fork()
if pid == 0: os.execve(fd, ['x'], {})
send({'got': os.waitpid(pid, 0)[1]})
""",
    "signal 0": "os.kill(give['victim'], 0); send({'got': 1})",
    "signal the template": "os.kill(os.getppid(), 0); send({'got': 1})",
    "signal the driver": "os.kill(give['driver'], 0); send({'got': 1})",
    "signal a thread": (
        "syscall(give['tgkill'], give['victim'], give['victim'], 0); send({'got': 1})"
    ),
    "pidfd": "send({'got': os.pidfd_open(give['victim'])})",
    "become owner of signals": ("fcntl.fcntl(3, fcntl.F_SETOWN, give['victim']); send({'got': 1})"),
    # -- privileges and limits
    "raise a limit": """
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)); send({'got': 1})
""",
    "prlimit": """
resource.prlimit(give['victim'], resource.RLIMIT_NOFILE, (64, 64)); send({'got': 1})
""",
    "chdir": "os.chdir(give['folder']); send({'got': 1})",
    "umask": "os.umask(0o22); send({'got': 1})",
    "nice": "os.nice(1); send({'got': 1})",
    "own prctl": "send({'got': call('prctl', 1, 0, 0, 0, 0) + 1})",
    "affinity": "os.sched_setaffinity(0, os.sched_getaffinity(0)); send({'got': 1})",
}

# Where Python turns the refusal into another exception.
SPOKEN_OTHERWISE = {"raise a limit": "ValueError", "umask": "OSError"}

# Raw system calls with arguments that do no harm: a sandbox answers EPERM (or ENOSYS) to each.
SYSTEM_CALLS: dict[str, tuple[int, ...]] = {
    "io_uring_setup": (0, 0),
    "unshare": (0,),
    "setns": (-1, 0),
    "mount": (0, 0, 0, 0, 0),
    "umount2": (0, 0),
    "pivot_root": (0, 0),
    "chroot": (0,),
    "setuid": (0,),
    "setgid": (0,),
    "setresuid": (-1, -1, -1),
    "capset": (0, 0),
    "bpf": (-1, 0, 0),
    "perf_event_open": (0, 0, 0, 0, 0),
    "keyctl": (0, -3, 0),
    "add_key": (0, 0, 0, 0, 0),
    "userfaultfd": (-1,),
    "open_by_handle_at": (-1, 0, 0),
    "openat2": (-100, 0, 0, 0),
    "execveat": (-1, 0, 0, 0, 0),
    "process_vm_readv": (0, 0, 0, 0, 0, 0),
    "kcmp": (0, 0, 0, 0, 0),
    "shmget": (0x5EED, 0, 0),
    "msgget": (0x5EED, 0),
    "semget": (0x5EED, 0, 0),
    "mq_open": (0, 0, 0, 0),
    "timer_create": (99, 0, 0),
    "timerfd_create": (99, 0),
    "eventfd2": (0, -1),
    "inotify_init1": (-1,),
    "fanotify_init": (-1, -1),
    "clone3": (0, 0),
    "seccomp": (99, 0, 0),
    "landlock_create_ruleset": (0, 0, 99),
    "personality": (0xFFFFFFFF,),
    "reboot": (0, 0, 0, 0),
    "syslog": (10, 0, 0),
    "acct": (1,),
    "sethostname": (0, -1),
    "init_module": (0, 0, 0),
    "socket": (-1, -1, -1),
    "ioctl": (-1, 0, 0),
    "name_to_handle_at": (-1, 0, 0, 0, 0),
    "copy_file_range": (-1, 0, -1, 0, 0, 0),
    "sendmsg": (-1, 0, 0),
    "recvmsg": (-1, 0, 0),
}

# Code that does not end by itself; each ends as a timeout.
ENDLESS: dict[str, str] = {
    "python loop": "while True: pass",
    "numpy loop": "while True: np.linalg.eigvals(np.random.rand(600, 600))",
    "sort in C": "a = np.random.rand(2_000_000)\nwhile True: np.sort(a)",
    "catching everything": """
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    "ignoring SIGXCPU": "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
    "blocking signals": """
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True: pass
""",
    "waiting": "select.select([], [], [])",
    "deadlock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "waiting with the channel closed": "os.close(3)\nselect.select([], [], [])",
    "waiting and talking": "while True:\n    send({})\n    select.select([], [], [], 0.3)",
    "catching MemoryError": """
kept = []
while True:
    try: kept.append(np.ones(1 << 20))
    except MemoryError: pass
""",
    "busy and talking": """
while True:
    until = time.process_time() + 0.2
    while time.process_time() < until: pass
    send({})
""",
}

# `bytes` is more than the limit.
MEMORY: dict[str, str] = {
    "one array": "send({'got': len(np.empty(give['bytes'] // 8))})",
    "one string": "send({'got': len(bytes(give['bytes']))})",
    "pieces": """
kept = []
while len(kept) < give['bytes'] >> 23: kept.append(np.ones(1 << 20))
send({'got': len(kept)})
""",
    "mmap": "send({'got': len(mmap.mmap(-1, give['bytes']))})",
    "shared mmap": "send({'got': len(mmap.mmap(-1, give['bytes'], mmap.MAP_SHARED))})",
}

# Code that ends its process: name -> what the end must be.
CRASHES: dict[str, tuple[str, tuple[str, ...]]] = {
    "os._exit(0)": ("os._exit(0)", ("finished",)),
    "os._exit(7)": ("os._exit(7)", ("exit",)),
    "sys.exit": ("sys.exit(0)", ("exit",)),
    "segmentation fault": ("ctypes.string_at(0)", ("signal",)),
    "abort": ("os.abort()", ("signal",)),
    "stack overflow": (
        "sys.setrecursionlimit(10**9)\nf = lambda: f()\nf()",
        ("signal", "memory", "timeout", "finished"),
    ),
    "32-bit system call": (
        "m = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('b814000000cd80c3'))\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        "send({'got': ctypes.CFUNCTYPE(ctypes.c_int)(at)()})",
        ("signal",),
    ),
}

# Bytes on the job's socket that are no frame.
GARBAGE: dict[str, str] = {
    "noise": "os.write(3, b'\\xff' * 1000)",
    "no JSON": "os.write(3, (5).to_bytes(4, 'big') + (0).to_bytes(4, 'big') + b'hello')",
    "no object": "os.write(3, (2).to_bytes(4, 'big') + (0).to_bytes(4, 'big') + b'[]')",
    "too deep": ("os.write(3, (90000).to_bytes(4, 'big') + (0).to_bytes(4, 'big') + b'[' * 90000)"),
    "announces 4 GB": "os.write(3, (2).to_bytes(4, 'big') + b'\\xff' * 4 + b'{}')",
    "flood": "while True: os.write(3, bytes(1 << 16))",
    "flood of frames": "while True: send({'x': 'y' * 1000})",
    "huge number": (
        "os.write(3, (5000).to_bytes(4, 'big') + (0).to_bytes(4, 'big') + b'9' * 5000)"
    ),
}
