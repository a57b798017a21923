"""How the store is kept: one DynamoDB table and one S3 bucket. No NMS on the wire here, no Lambda."""
