"""The process that ministack runs in.

It saves its memory when SIGTERM ends it, so the kernel sends it SIGTERM when its parent has gone. It also
saves at SIGUSR1, because a SIGKILL leaves no time to.
"""

import asyncio
import gc
import os
import signal
import sys

import uvloop

from infra.local.host.parent import die_with_parent

_GARBAGE = (100_000, 20, 50)
"""Its memory holds its state and hardly any garbage, so a collection is seldom worthwhile."""


def _run(parent: int) -> None:
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    gc.set_threshold(*_GARBAGE)
    from ministack import app  # it reads its environment at import
    from ministack.core.persistence import save_all

    signal.signal(signal.SIGUSR1, lambda *_: save_all(app._build_persistence_save_dict()))
    sys.argv = sys.argv[:1]
    app.main()


if __name__ == "__main__":
    _run(int(sys.argv[1]))
