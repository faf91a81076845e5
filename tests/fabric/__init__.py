"""The delivery fabric: the whole platform in one process, single-threaded, in virtual time, everything decided by one seed.

    with Fabric(seed=7, faults=FaultPlan(duplicate=0.1, crash=0.02)) as fabric:
        status, body, headers = fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()                       # until it is quiet; `live(60)` lets a minute pass as in life
        fabric.settle()                    # faults off, until sweeps change nothing any more

What is real: every handler with everything below it, called with the payloads that AWS sends; template.yaml, from which `topology` reads
how they are connected; the state machines' definitions. What stands in: AWS, at the boundary of boto3's clients (`aws/`, compared with
moto by test_dynamodb.py, test_services.py and test_ecs.py); the services that carry messages (`delivery/`, each rule with its page of
AWS's documentation in test_streams.py, test_bus.py, test_queues.py, test_invocations.py and test_schedules.py); a router (`router.py`);
time, ids and chance (`clock.py`).

Deciding what happens next (`driver.py`): `pending` lists what can happen now; `deliver`, `duplicate`, `drop` and `delay` take one of it by
number or itself; `step` leaves it to the seed; `advance` only lets time pass. Going wrong (`faults.py`): a `FaultPlan`, or one thing at a
time by `fault`, `crash_next`, `stale_next`, `preempt_next`; in the cluster by `fabric.ecs`. Looking (`views.py`): `rows`, `ledger`,
`model`, `operation`, `route`, `dead_letters`, `log` (the trace), `fired`, `edges`, `calls`, `functions.logs`.

`walk.py` and test_walk.py walk at random; `make replay SEED=n` shows one walk event by event; `seeds.py` keeps those that found something.

Where it is simpler than AWS: a stream has two shards that never split; a batch that is given up is given up as a whole; sweeps that
nobody has delivered yet are not heaped up; functions share one process, whose memory goes with a crash; something else can happen only
between two AWS calls of a function, and then ends before that function goes on.
"""
