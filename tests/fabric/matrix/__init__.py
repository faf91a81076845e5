"""The fault matrix: nine hops, seventeen faults, and for each pair a proof or the reason why there is none."""
