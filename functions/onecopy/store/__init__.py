"""The store: one DynamoDB table and one S3 bucket. No NMS wire format here, no Lambda.

`commit` is how anything is written; `box` and `subscribers` are what is written. The modules here use both.
"""
