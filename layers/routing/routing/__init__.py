"""Where requests for each model name go, and who may make them."""
