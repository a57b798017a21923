"""What runs around the product: the template it is deployed from, the local stack, the operator's tools."""
