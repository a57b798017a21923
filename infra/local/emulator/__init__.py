"""The AWS services on one machine: what provides each of them, and its address.

dynoxide (DynamoDB on SQLite) keeps the rows, ministack keeps content, queues and identities. If dynoxide is
not available, ministack keeps the rows as well, and promises less. `Emulator` is the door: nothing outside
this folder knows which of the two answers, or what their files look like.
"""

from infra.local.emulator.child import EmulatorFailed, free_port
from infra.local.emulator.door import Emulator

__all__ = ["Emulator", "EmulatorFailed", "free_port"]
