"""What goes to AWS: the template and its rules, the bundle, settings, events, the throw-away stack."""
