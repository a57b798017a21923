"""The template's conventions as rules, each with its reason, and what the policy scanner need not ask for."""
