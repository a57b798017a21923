"""Every error that a request may be answered with, one class each. The API maps by class, never by text.

`status` is the HTTP code (also the code of an item in a bulkResponseList). `message_id` and `text`
are NMS's, and `variables` fill the %1, %2 of the text. Nothing here ever quotes content.
"""

from typing import ClassVar


class NMSError(Exception):
    """The base of all errors below; never raised itself."""

    status: ClassVar[int] = 500
    message_id: ClassVar[str] = "SVC0001"
    text: ClassVar[str] = "service error"
    retry_after: ClassVar[int | None] = None

    def __init__(self, *variables: str) -> None:
        super().__init__(self.message_id, *variables)
        self.variables = variables

    @property
    def is_policy(self) -> bool:
        return self.message_id.startswith("POL")


class InvalidInput(NMSError):
    status, message_id, text = 400, "SVC0002", "Invalid input value for message part %1"


class NameTaken(NMSError):
    status, message_id, text = 409, "SVC0002", "Invalid input value for message part %1"


class MethodNotAllowed(NMSError):
    status, message_id, text = 405, "SVC0002", "Invalid input value for message part %1"

    def __init__(self, allow: tuple[str, ...]) -> None:
        super().__init__("method")
        self.allow = allow


class StillRunning(NMSError):
    """The first request with this Idempotency-Key has not been answered yet."""

    status, message_id, text = 409, "SVC0002", "Invalid input value for message part %1"
    retry_after = 2


class PreconditionFailed(NMSError):
    status, message_id, text = 412, "SVC0002", "Invalid input value for message part %1"


class UnsupportedMedia(NMSError):
    """The body is in an encoding or a charset that is not read here."""

    status, message_id, text = 415, "SVC0002", "Invalid input value for message part %1"


class KeyReused(NMSError):
    """A different request has already used this Idempotency-Key."""

    status, message_id, text = 422, "SVC0002", "Invalid input value for message part %1"


class NotAcceptable(NMSError):
    status, message_id, text = 406, "SVC0002", "Invalid input value for message part %1"


class Unknown(NMSError):
    status, message_id, text = 404, "SVC0004", "No valid addresses provided in message part %1"


class UnknownPath(NMSError):
    status, message_id, text = 404, "SVC2008", "Unknown %1 %2"


class FlagAbsent(NMSError):
    """NMS answers this error with an empty structure instead of a fault."""

    status, message_id, text = 404, "SVC0004", "No valid addresses provided in message part %1"


class NotAllowed(NMSError):
    """Someone else's box, a missing scope, the deletion of a system folder, or a quota."""

    status, message_id, text = 403, "POL0001", "A policy error occurred. Error code is %1"


class TooLarge(NMSError):
    status, message_id, text = 413, "POL0001", "A policy error occurred. Error code is %1"


class RenameForbidden(NMSError):
    status, message_id, text = 403, "POL1030", "Renaming this folder is not allowed"


class SystemFolder(NMSError):
    status, message_id, text = 403, "POL1031", "Creating under %1 is prohibited"


class Busy(NMSError):
    """Other writers kept winning. Nothing was changed; the client should ask again."""

    status, retry_after = 503, 1
