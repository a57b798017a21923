"""The functions' bundle as Lambda gets it, and Lambda's runtime to run it, without the local stack."""
