"""The AWS services of one machine: where they come from, and at which address each answers.

Rows lie in dynoxide (DynamoDB on SQLite), content, queues and identities in ministack. Where dynoxide is not
to be had, ministack keeps the rows as well, and promises less. `Emulator` is the door; nothing outside this
folder knows which of the two answers, or what their files look like.
"""

from infra.local.emulator.child import EmulatorFailed, free_port
from infra.local.emulator.door import Emulator

__all__ = ["Emulator", "EmulatorFailed", "free_port"]
