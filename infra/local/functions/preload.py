"""Imported once in the process that workers are forked from, which makes a worker start at once.

Only libraries, never the handlers: as in Lambda, their modules are loaded after the environment is set.
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
