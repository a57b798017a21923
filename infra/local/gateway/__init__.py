"""API Gateway's part: HTTP to events and back, CORS, the authorizer, and an issuer of its tokens.

The routes come from the template; none is known here.
"""
