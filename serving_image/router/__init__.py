"""The router: OpenAI's API in front of every model, for the callers that may use it."""
