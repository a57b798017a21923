"""Reads Idempotency-Key (IETF, draft-ietf-httpapi-idempotency-key-header) and wraps a route's work in it.

A route parses first, so a malformed request is refused whatever its key. Then it hands over its work. What an
earlier try has already done is answered from that try's notes; the rest is done now.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from onecopy.domain.errors import Busy, InvalidInput, NMSError, StillRunning
from onecopy.handlers.edge.request import Answer, Request
from onecopy.store.commit import outcome, table
from onecopy.store.commit.once import Codec, Repeated, begin

HEADER = "idempotency-key"
_KEY = re.compile(r"[ -~]{1,255}")
_TRIES = 5

OUTCOMES = Codec(outcome.encode, outcome.decode)


def once(
    request: Request,
    content: Any,
    work: Callable[[Request], Answer],
    total: int = 1,
    codec: Codec = OUTCOMES,
    of_store: bool = False,
) -> Answer:
    """`work`'s answer. `content`: what was asked for, as parsed. `total`: how many items that is.
    `of_store`: the request belongs to no box, and its work itself keeps the outcomes.

    Raises what `work` raises, KeyReused, StillRunning, or InvalidInput if the key is malformed.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return work(request)
    if not _KEY.fullmatch(key):
        raise InvalidInput("Idempotency-Key")
    name = _hash([request.caller.name, key])
    fingerprint = _hash([request.method, request.resource, content])
    place = table.delivery_partition(name) if of_store else str(request.key)
    for _ in range(_TRIES):
        attempt = begin(request.store, place, name, fingerprint, codec, total)
        try:
            answer = work(replace(request, store=replace(request.store, once=attempt)))
        except Repeated:
            continue
        except NMSError as error:
            if error.status < 500 and not attempt.told:
                attempt.refuse(error)
            raise
        if not (of_store or attempt.is_whole):
            attempt.close(Busy())
        return answer
    raise StillRunning("Idempotency-Key")


def _hash(parts: list[Any]) -> str:
    written = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()
