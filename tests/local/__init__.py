"""The stack on one machine: it does what API Gateway, Lambda and DynamoDB do, and loses nothing."""
