"""Becomes another program that ends when its parent does: `python -m … PID PROGRAM ARGUMENT…`.

The kernel's word that the parent has gone outlives the change of program. It is SIGKILL: what runs so has
nothing to save.
"""

import os
import signal
import sys

from infra.local.host.parent import die_with_parent

if __name__ == "__main__":
    die_with_parent(signal.SIGKILL)
    if os.getppid() == int(sys.argv[1]):
        os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  a program of the set-up
