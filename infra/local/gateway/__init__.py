"""API Gateway's part: HTTP to events and back, CORS, the authorizer, and an issuer of tokens for it.

No route is known here: they come from the template.
"""
