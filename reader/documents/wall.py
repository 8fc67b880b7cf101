"""A wall around the process that parses a stranger's file: on Linux it reads that file and the program, and does nothing else.

Landlock (https://docs.kernel.org/userspace-api/landlock.html) leaves it no other file to open and none to change; a seccomp
filter takes away sockets, processes, signals and the rights and times of files. What it still can do: use its memory and
processor time, and learn which paths there are. Where the kernel has neither, limits alone are left.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38

# Landlock; the numbers of its system calls are the same on all machines.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FOLDER, _REMOVE_FILE, _MAKE_FOLDER, _MAKE_FILE, _CUT = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 14
_TEMPORARY = _WRITE_FILE | _READ_FILE | _READ_DIR | _REMOVE_FOLDER | _REMOVE_FILE | _MAKE_FOLDER | _MAKE_FILE | _CUT
# What each version of the kernel's interface can forbid: files, TCP, abstract sockets and signals.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_VERSION, _TCP_RIGHTS = 4, 0b11
_SCOPE_VERSION, _SCOPES = 6, 0b11

# What a parser's libraries open while they run.
_SYSTEM_FOLDERS = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")

# Seccomp: the kernel's names of machines, then the numbers of system calls on x86-64 and on ARM64; None where there is none.
_SECCOMP = {"x86_64": (0xC000003E, 0, 317), "aarch64": (0xC00000B7, 1, 277)}
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "bpf": (321, 280), "perf_event_open": (298, 241),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "userfaultfd": (323, 282),
    "open_by_handle_at": (304, 265), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "shmget": (29, 194), "msgget": (68, 186), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
}  # fmt: skip
_PROCESSES: dict[str, tuple[int | None, int | None]] = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
}  # fmt: skip
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_CLONE_THREAD = 0x10000
_LOAD, _IS_EQUAL, _IS_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_OTHER_CALLS = 0x40000000
"""Where the numbers of x86-64's second set of system calls begin."""
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000

_FILES, _REST = "files of others", "the network, processes and signals"


def build(readable: Iterable[Path], writable: Path, *, may_run_programs: bool = False) -> list[str]:
    """Shut this process in, for good; return what this system cannot keep it from.

    Args:
        readable: files and folders that it may read beside Python, its packages and the system's libraries.
        writable: the folder for its temporary files.
        may_run_programs: whether it may start programs of the system, which are shut in with it.
    """
    missing = []
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    except (OSError, TypeError, AttributeError):  # not Linux
        return [_FILES, _REST]
    try:
        _shut_files(libc, readable, writable)
    except OSError:
        missing.append(_FILES)
    try:
        _shut_rest(libc, may_run_programs=may_run_programs)
    except OSError:
        missing.append(_REST)
    return missing


def _shut_files(libc: ctypes.CDLL, readable: Iterable[Path], writable: Path) -> None:
    """Leave these files to be read, and no other file to be opened.

    Raises:
        OSError: the kernel has no Landlock.
    """
    version = _checked(libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION))
    rights = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)]
    attributes = struct.pack("QQQ", rights, _TCP_RIGHTS, _SCOPES)
    length = 8 + 8 * (version >= _TCP_VERSION) + 8 * (version >= _SCOPE_VERSION)
    rules = _checked(libc.syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), length, 0))
    python = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path.endswith("-packages"))}
    folders = [*map(Path, (*_SYSTEM_FOLDERS, *python)), *readable]
    grants = [(path, _READ_FILE | _READ_DIR | _EXECUTE) for path in folders]
    grants += [(Path(device), _READ_FILE | _WRITE_FILE) for device in _DEVICES]
    for path, right in (*grants, (writable, _TEMPORARY & rights)):
        if not path.exists():
            continue
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not path.is_dir():
            right &= ~_READ_DIR
        rule = struct.pack("=Qi", right, opened)
        _checked(libc.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0))
        os.close(opened)
    _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _shut_rest(libc: ctypes.CDLL, *, may_run_programs: bool) -> None:
    """Take the system calls away that reach beyond this process.

    Raises:
        OSError: the kernel has no seccomp, or the machine's numbers are not known here.
    """
    if platform.machine() not in _SECCOMP or ctypes.sizeof(ctypes.c_void_p) != 8:
        raise OSError(errno.ENOSYS, "the numbers of its system calls are not known here")
    machine, column, seccomp = _SECCOMP[platform.machine()]
    program = _filter(machine, column, may_run_programs=may_run_programs)
    code = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("HP", len(program) // 8, ctypes.addressof(code))
    _checked(libc.syscall(seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.c_char_p(pointer)))


def _filter(machine: int, column: int, *, may_run_programs: bool) -> bytes:
    """The filter's program: every system call may be made but these, which fail as if they were not permitted."""
    refused = _ERROR | errno.EPERM
    program = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IS_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, refused),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IS_LEAST, 0, 1, _OTHER_CALLS),
        (_RETURN, 0, 0, refused),
    ]
    forbidden = _FORBIDDEN if may_run_programs else _FORBIDDEN | _PROCESSES
    for numbers in forbidden.values():
        if (number := numbers[column]) is not None:
            program += [(_IS_EQUAL, 0, 1, number), (_RETURN, 0, 0, refused)]
    # The limits of this process may be asked, not those of another one.
    program += [
        (_IS_EQUAL, 0, 4, _PRLIMIT[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_IS_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, refused),
        (_RETURN, 0, 0, _ALLOW),
    ]
    if not may_run_programs:
        program += [
            # Its flags are in memory, where a filter cannot see them; the C library then takes `clone`.
            (_IS_EQUAL, 0, 1, _CLONE3[column]),
            (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
            # A thread may begin, a process may not.
            (_IS_EQUAL, 0, 3, _CLONE[column]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (_HAS_BIT, 1, 0, _CLONE_THREAD),
            (_RETURN, 0, 0, refused),
        ]
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
