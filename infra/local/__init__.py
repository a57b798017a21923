"""The stack on one machine: the emulator, and the parts of Lambda and API Gateway, for the real handlers.

This package replaces nothing of the product and knows nothing of it: it reads functions, routes, events,
policies and resources from the template.
"""
