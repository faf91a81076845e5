"""The crash sweep over the whole platform: every function dies before and after every AWS call that it makes in a set of scenarios."""
