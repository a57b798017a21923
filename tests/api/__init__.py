"""Objects and folders over HTTP: what each request does and answers."""
