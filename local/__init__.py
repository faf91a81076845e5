"""The laptop: everything that stands in for AWS on a machine with nothing but Python. Imports nothing else of ours."""
