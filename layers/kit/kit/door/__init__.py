"""Doors: what stands between AWS and a use case. One decorator per kind of trigger, each does only

    parse → call → answer      with log keys, trace, metrics and the one mapping from errors to answers.

A module per kind, named after it, so that no function loads what only others need: HTTP API (`http`), bus rule (`event`, with
`raw_event` for events of AWS itself), queue behind a bus rule (`queue`, with `raw_queue`), table stream (`stream`), state machine task
(`step`), schedule and one-time schedule (`schedule`, with `alarm`). `opening` is what they share; `principal` what the authorizer says.
"""
