"""Becomes another program that dies with the one that started it, as another user where asked.

Run as a script: `python launch.py PARENT_PID USER_OR_- PROGRAM ARGUMENTS...`. A test run that is killed leaves no
server behind: on Linux the kernel then sends SIGTERM. A script of its own, because changing the user and asking the
kernel must happen between fork and exec, where a process with threads (ours) must not run Python.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, user: str, command: list[str]) -> None:
    if user != "-":
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # After setuid, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the test run ended before its server started")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
