"""NMS on the wire: JSON and form-data to and from the domain. The only place with camelCase."""
