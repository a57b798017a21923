"""The Lambda functions, one file for each trigger. A handler parses, asks, answers.

While a function loads, nothing is garbage, so the garbage collector stays off until `composition.loaded`.
"""

import gc

gc.disable()
