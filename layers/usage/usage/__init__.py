"""Usage: what was done by whom, across everything, for those who audit and those who pay."""
