"""The stack on one machine: the emulator, and what Lambda and API Gateway do, for the real handlers.

Nothing of the product is replaced here, and nothing of the product is known here: functions, routes, events,
policies and resources are read from the template.
"""
