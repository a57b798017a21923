"""Rules for cfn-lint (`--append-rules`): they see the template as it is written."""
