"""Turns into another program that ends when its parent does: `python -m … PID PROGRAM ARGUMENT…`.

The request for a signal at the parent's end outlives exec. The signal is SIGKILL, because such a program has
nothing to save.
"""

import os
import signal
import sys

from infra.local.host.parent import die_with_parent

if __name__ == "__main__":
    die_with_parent(signal.SIGKILL)
    if os.getppid() == int(sys.argv[1]):
        os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  a program that the set-up installed
