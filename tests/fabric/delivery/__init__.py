"""How messages travel: streams, the bus, queues, asynchronous invocations, schedules and state machines, each by AWS's documented rules."""
