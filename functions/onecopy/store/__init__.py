"""How the store is kept: one DynamoDB table and one S3 bucket. No NMS on the wire here, no Lambda.

`commit` is how anything is written; `box` and `subscribers` are what is written. Here is what works on both.
"""
