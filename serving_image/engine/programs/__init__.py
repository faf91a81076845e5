"""Engines that are programs of ours, each a process that the supervisor starts."""
