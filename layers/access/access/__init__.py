"""Who may use the platform, and what for: API tokens, and people known to an OIDC issuer."""
