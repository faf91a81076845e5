"""The only modules that know AWS."""
