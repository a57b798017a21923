"""Batches of independent records: one that fails comes again, and the log says what kind of error it was.

The log never holds an exception's text, which may contain a box id or what a user wrote. For the same reason
no exception leaves the function.
"""

import traceback
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, ExceptionInfo
from aws_lambda_powertools.utilities.batch.base import FailureResponse

logger = Logger()


class Batch(BatchProcessor):
    def __init__(self, event_type: EventType) -> None:
        super().__init__(event_type=event_type, raise_on_entire_batch_failure=False)

    def failure_handler(self, record: Any, exception: ExceptionInfo) -> FailureResponse:
        kind, _, frames = exception
        at = "".join(traceback.format_tb(frames))
        logger.error("record failed", extra={"error": kind.__name__ if kind else None, "at": at})
        return super().failure_handler(record, exception)
