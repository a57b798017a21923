"""The forms on the wire: NMS's structures in JSON and in XML, and which of the two a client gets."""
