"""Rules for cfn-lint (`--append-rules`), which see the template as it is written."""
