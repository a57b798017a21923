"""The contract (`infra/openapi.yaml`) as data, and what is made from it: clients, and random requests.

The contract itself is written by hand. Nothing here knows the code behind the API.
"""
