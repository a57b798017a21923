"""Imported once in the process that workers are forked from, so that a worker starts at once.

Libraries only, never the handlers: as in Lambda, their modules come after the function's environment.
"""

import aws_lambda_powertools
import aws_lambda_powertools.event_handler
import aws_lambda_powertools.utilities.batch
import botocore.awsrequest
import botocore.httpsession
import botocore.parsers
import botocore.signers
import pydantic
import pynamodb.models

__all__ = ["aws_lambda_powertools", "botocore", "pydantic", "pynamodb"]
