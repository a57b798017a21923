"""The template's conventions as rules, each with its reason, and the policy scanner's exceptions."""
