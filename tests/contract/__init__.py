"""The contract (`infra/openapi.yaml`): it says what the code does, and its examples work."""
