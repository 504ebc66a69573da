"""Confines a process that opens a PDF: resource limits, no network, no programs, and its end with its parent's.

Seccomp filters (seccomp(2), linux/filter.h) make socket, execve and the like fail with EPERM, and in a reader fork and
kill too. They work in a container and need no privileges. Files stay as open to a reader as they are to its user.
On machines other than x86-64 and arm64 the resource limits are all there is. Other systems than Linux are not
supported: server.py waits for readers by pidfd_open(2).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import signal
import struct
import sys
from collections.abc import Mapping, Sequence

from extractors.model import Limits

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 1, 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_RET|K
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_OTHER_ABI = 0x40000000  # first number of the x32 calls of x86-64, which the list below does not name
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*
_NETWORK = {  # socket, execve, execveat, ptrace, io_uring_setup
    "x86_64": (41, 59, 322, 101, 425),
    "aarch64": (198, 221, 281, 117, 425),
}
_PROCESSES = {  # fork and vfork where they are, clone, clone3, kill, tkill, tgkill, process_vm_*, pidfd_*
    "x86_64": (57, 58, 56, 435, 62, 200, 234, 310, 311, 424, 434, 438),
    "aarch64": (220, 435, 129, 130, 131, 270, 271, 424, 434, 438),
}


def bound_process(limits: Limits) -> None:
    """Set the resource limits of this process; on Linux the kernel also kills it when its parent ends.

    Those that it was given stay where they are lower: a worker may run under limits of its operator's.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, _largest_file(limits)),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, value, value)
    seconds = int(limits.seconds) + 1
    _lower(resource.RLIMIT_CPU, seconds, seconds + 2)  # SIGXCPU first: the parent knows the cause by it


def _lower(kind: int, soft: int, hard: int) -> None:
    """Set a limit of this process, but no higher than it is."""
    given = resource.getrlimit(kind)[1]
    most = hard if given == resource.RLIM_INFINITY else min(hard, given)
    resource.setrlimit(kind, (min(soft, most), most))


def is_bound_lower(limits: Limits) -> bool:
    """Whether this process may not even write files as large as `limits` allow, since its operator allows less."""
    given = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    return given != resource.RLIM_INFINITY and given < _largest_file(limits)


def _largest_file(limits: Limits) -> int:
    """Bytes of a file that a reader may write, the findings too."""
    return limits.output_bytes + (64 << 20)


def close_network() -> bool:
    """Forbid this process, for good, the calls that reach a network or start a program; whether that was possible."""
    return _forbid(_NETWORK)


def confine() -> bool:
    """Forbid this process, for good, to make, signal or reach into a process; whether that was possible."""
    return _forbid(_PROCESSES)


def _forbid(forbidden: Mapping[str, Sequence[int]]) -> bool:
    """Install a filter that makes these system calls (numbers by machine) fail; whether it was installed."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in forbidden:
        return False
    architecture, calls = _ARCHITECTURES[machine], forbidden[machine]
    # Each step: operation, jump if true, jump if false, operand (struct sock_filter). Jumps count steps.
    last = len(calls) + 1
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, last, 0, _OTHER_ABI),
        *((_EQUAL, last - 1 - index, 0, call) for index, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR),
    ]
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(steps), ctypes.addressof(buffer))  # struct sock_fprog
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1) and _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header)


def _prctl(option: int, *values: int | bytes) -> bool:
    """prctl(2); whether it succeeded."""
    arguments = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in values]
    arguments += [ctypes.c_ulong(0)] * (4 - len(arguments))
    return bool(ctypes.CDLL(None).prctl(option, *arguments) == 0)
