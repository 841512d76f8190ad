"""Types of a document's labels: by the text that they decode to, or by the payload."""
