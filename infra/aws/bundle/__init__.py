"""The functions' bundle as Lambda gets it, and Lambda's runtime to run it with. No local stack in here."""
