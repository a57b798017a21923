"""The Lambda functions, one file for each trigger. A handler parses, asks, answers.

While one is loaded nothing is garbage, and none is looked for until `composition.loaded` says that it is.
"""

import gc

gc.disable()
