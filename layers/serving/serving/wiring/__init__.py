"""Puts serving together, by noun: settings, adapters and parts below; commands, questions, reactions, steps and sweeps above.

A door imports the one module that it needs, and what a use case is made of is imported inside its function:
none loads what only the others need.
"""
