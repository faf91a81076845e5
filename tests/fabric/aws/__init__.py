"""AWS in memory: one small fake per service, all behind the one function of `tests.fabric.aws.boundary`."""
