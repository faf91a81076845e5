"""What callers see: the endpoints, what each may be asked, in which shape it refuses, and the document that says so."""
