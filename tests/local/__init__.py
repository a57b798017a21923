"""The stack on one machine: does it do what API Gateway, Lambda and DynamoDB do, and lose nothing."""
