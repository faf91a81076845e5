"""Short lives that are told and not drawn: each goes to one place where platforms like this one break, under the same invariants.

They say within milliseconds what random lives come upon sooner or later; `planted` asks both.
"""

from collections.abc import Callable
from typing import Any

from tests.fabric.delivery.agenda import Thing
from tests.fabric.delivery.bus import Delivery
from tests.fabric.faults import FaultPlan
from tests.fabric.model.confluence import the_shares_are_what_was_accepted, the_wish_is_what_was_accepted
from tests.fabric.model.invariants import ALWAYS
from tests.fabric.model.letters import come_to_rest
from tests.fabric.model.people import RESTART, People
from tests.fabric.model.rest import FINALLY
from tests.fabric.model.seen import Seen
from tests.fabric.model.steps import STEPS
from tests.fabric.platform import Fabric

_LIMIT = 2000


class Life:
    """One platform that a story is told of; every step of it is looked at."""

    def __init__(self, seed: int) -> None:
        self.fabric = Fabric(seed)

    def __enter__(self) -> "Life":
        self.fabric.__enter__()
        self.fabric.quotas.value = 4.0  # there is no second set of GPUs
        self.seen = Seen(self.fabric, ALWAYS)
        self.people = People(self.fabric, self.seen)
        return self

    def __exit__(self, *told: object) -> None:
        self.fabric.__exit__(*told)

    def ask(self, function: str, method: str, path: str, body: Any = None, *, person: str = "owner") -> tuple[int, Any]:
        """A command."""
        return self.people.command(person, function, method, path, body=body)[:2]

    def create(self, model_id: str = "m1") -> Any:
        """A model is wished for, and accepted."""
        status, told = self.ask("create_model", "POST", "/models", self.people.wish(model_id))
        assert status == 202, told
        return told

    def run(self, before: Callable[[list[Thing]], None] = lambda _: None) -> None:
        """Until it is quiet, looking at every step; `before` sees what can happen before each."""
        for _ in range(_LIMIT):
            if self.fabric.quiet:
                break
            before(self.fabric.pending)
            self.fabric.step()
            self.look()

    def look(self) -> None:
        """What holds always."""
        self.seen.hear()
        self.seen.look()
        for check in STEPS:
            check(self.seen)

    def stands(self, model_id: str, status: str) -> None:
        """How a model stands, after nothing that should keep it from it."""
        row = self.seen.model(model_id) or {}
        assert row.get("status") == status, f"nothing has gone wrong, and {model_id} is {row.get('status')}, not {status}"

    def rest(self) -> None:
        """Faults end; what holds finally."""
        come_to_rest(self.fabric)
        self.look()
        for check in FINALLY:
            check(self.seen)
        the_wish_is_what_was_accepted(self.people)
        the_shares_are_what_was_accepted(self.people)


def a_whole_life(life: Life) -> None:
    """Created, changed, stopped, started, deleted, and created anew."""
    life.create("m2")
    life.run()
    for function, method, path, status in (
        ("stop_model", "POST", "/models/m2/stop", "Stopped"),
        ("start_model", "POST", "/models/m2/start", "InService"),
        ("delete_model", "DELETE", "/models/m2", "Deleting"),
    ):
        assert life.ask(function, method, path)[0] == 202
        life.run()
        life.stands("m2", status)
    life.create("m2")
    life.run()
    life.stands("m2", "InService")


def an_old_acknowledgement_is_refused(life: Life) -> None:
    """What was acknowledged was another generation."""
    life.create()
    life.run()
    _, told = life.ask("update_model", "PATCH", "/models/m1", RESTART[0])
    assert life.ask("update_model", "PATCH", "/models/m1", {"tags": {"turn": "1"}})[0] == 202
    life.run()
    status, _ = life.ask("update_model", "PATCH", "/models/m1", RESTART[0] | {"acknowledge": told["acknowledge"]})
    assert status == 409, f"an old acknowledgement was answered {status}"


def keys_are_their_senders(life: Life) -> None:
    """The same key from another caller, with another body, and as it was."""
    life.create()
    for other_body, other_person in ((False, True), (True, False), (False, False)):
        life.people.again(0, other_body=other_body, other_person=other_person)
    life.run()


def a_cancelled_start_ends(life: Life) -> None:
    """A start that waits for room is cancelled."""
    life.fabric.ecs.no_capacity()
    told = life.create()
    life.run()
    assert life.ask("cancel_operation", "POST", told["links"]["operation"] + "/cancel")[0] == 202
    life.run()
    operation = life.seen.operation(told["operation_id"]) or {}
    assert operation["status"] == "Cancelled", f"nothing has gone wrong, and what was cancelled is {operation['status']}"


def a_stop_waits_for_routing(life: Life) -> None:
    """Routing hears late that a model shall stop."""
    life.create()
    life.run()

    def late(things: list[Thing]) -> None:
        for thing in things:
            if isinstance(thing, Delivery) and thing.target and thing.target.name.startswith("Routing") and thing.born == thing.due:
                life.fabric.delay(thing, 30.0)

    life.ask("stop_model", "POST", "/models/m1/stop")
    life.run(late)
    life.stands("m1", "Stopped")


def an_alarm_is_taken_back_late(life: Life) -> None:
    """What takes an alarm back hears late of the deletion of the model whose alarm it is."""
    life.create("m2")
    life.run()

    def late(things: list[Thing]) -> None:
        for thing in things:
            if isinstance(thing, Delivery) and "ArmSchedule" in thing.what and thing.born == thing.due:
                life.fabric.delay(thing, 600.0)

    life.ask("delete_model", "DELETE", "/models/m2")
    life.run(late)


def writers_overtake_one_another(life: Life) -> None:
    """In the middle of half of all calls something else happens."""
    life.create()
    life.fabric.begin(FaultPlan(preempt=0.5, duplicate=0.3))
    life.run()
    life.ask("update_model", "PATCH", "/models/m1", {"capacity": {"min": 1, "max": 2, "desired": 2}})
    life.run()
    life.ask("stop_model", "POST", "/models/m1/stop")
    life.run()


def everything_comes_again_later(life: Life) -> None:
    """Each message comes a second time, minutes after the first."""
    kept: set[tuple[str, str]] = set()

    def twice(things: list[Thing]) -> None:
        for thing in things:
            if isinstance(thing, Delivery) and thing.target and (thing.target.name, thing.event["id"]) not in kept:
                kept.add((thing.target.name, thing.event["id"]))
                copy = thing.home.copy(thing)  # type: ignore[attr-defined]  # a bus has it
                copy.due = life.fabric.now + 300.0
                life.fabric.bus.waiting.append(copy)

    life.create()
    life.run(twice)
    for change in ({"description": "one"}, {"allowed_groups": ["research", "health"]}):
        status, told = life.ask("update_model", "PATCH", "/models/m1", change, person="admin")
        assert status == 202, told
        while not (life.seen.operation(told["operation_id"]) or {})["ended_at"]:
            twice(life.fabric.pending)
            life.fabric.step()
            life.look()
    life.run()


def a_deletion_met_another(life: Life) -> None:
    """Who asks twice is answered alike, also when the model is gone and another has its name."""
    life.create()
    life.run()
    life.ask("delete_model", "DELETE", "/models/m1")
    life.ask("delete_model", "DELETE", "/models/m1", person="admin")
    life.run()
    life.create()
    life.run()
    for which in (1, 2):
        life.people.again(which, other_body=False, other_person=False)
    life.stands("m1", "InService")


def a_token_is_revoked(life: Life) -> None:
    """Issued, shown, revoked, shown."""
    life.people.issue("ada")
    life.people.present(0)
    life.people.revoke(0)
    life.people.present(0)
    life.run()


def what_was_not_announced_is_found(life: Life) -> None:
    """The records of a stream are lost."""
    life.create()
    for thing in [one for one in life.fabric.pending if one.kind == "stream"]:
        life.fabric.drop(thing)


def the_newest_is_read(life: Life) -> None:
    """Whatever may be old is."""
    life.create()
    life.fabric.begin(FaultPlan(stale=1.0))
    life.people.look("ada", "m1")
    life.people.again(0, other_body=False, other_person=False)
    life.run()


def what_is_not_theirs_is_not_shown(life: Life) -> None:
    """Somebody of another group looks."""
    life.create()
    for way in range(8):
        life.people.look("eve", "m1")
        life.people.trespass("eve", "m1", way)
    life.run()


def load_asks_for_more(life: Life) -> None:
    """Far more traffic than copies."""
    life.create()
    life.run()
    life.ask("update_model", "PATCH", "/models/m1", {"capacity": {"min": 1, "max": 2, "desired": 1}})
    life.run()
    life.fabric.router.load("m1", 400)
    life.run()


def third_parties_come_and_go(life: Life) -> None:
    """A provider's model, changed and deleted."""
    life.create("claude")
    life.run()
    life.ask("update_model", "PATCH", "/models/claude", {"description": "another"})
    life.run()
    life.ask("delete_model", "DELETE", "/models/claude")
    life.run()


def people_share_traffic(life: Life) -> None:
    """Shares of versions are set, outlive the copies that they were set for, and are left to the targets again."""
    life.create()
    life.run()
    shares = [{"version": "1.0.0", "weight": 10_000}, {"version": "2.0.0", "weight": 0}]
    assert life.ask("set_traffic", "PUT", "/models/m1/traffic", {"versions": shares})[0] == 200
    life.run()
    (former,) = life.fabric.ecs.alive()
    life.fabric.ecs.stop_task(former)
    life.run()
    assert (life.fabric.route("m1") or {})["versions"] == shares
    assert life.ask("set_traffic", "PUT", "/models/m1/traffic", {"versions": []})[0] == 200
    life.run()


def third_parties_keep_their_shares(life: Life) -> None:
    """A provider's model is shared, stopped and started again; the next life of its name begins without."""
    life.create("claude")
    life.run()
    shares = [{"version": "1.0.0", "weight": 10_000}]
    assert life.ask("set_traffic", "PUT", "/models/claude/traffic", {"versions": shares})[0] == 200
    life.run()
    for command in ("stop", "start"):
        life.ask(f"{command}_model", "POST", f"/models/claude/{command}")
        life.run()
    assert (life.fabric.route("claude") or {})["versions"] == shares
    life.ask("delete_model", "DELETE", "/models/claude")
    life.run()
    life.create("claude")
    life.run()
    assert (life.fabric.route("claude") or {})["versions"] == []


STORIES: tuple[Callable[[Life], None], ...] = (
    a_whole_life,
    an_old_acknowledgement_is_refused,
    keys_are_their_senders,
    a_cancelled_start_ends,
    a_stop_waits_for_routing,
    an_alarm_is_taken_back_late,
    writers_overtake_one_another,
    everything_comes_again_later,
    a_deletion_met_another,
    a_token_is_revoked,
    what_was_not_announced_is_found,
    the_newest_is_read,
    what_is_not_theirs_is_not_shown,
    load_asks_for_more,
    third_parties_come_and_go,
    people_share_traffic,
    third_parties_keep_their_shares,
)


def tell(story: Callable[[Life], None], seed: int = 1) -> Life:
    """Let one be lived from beginning to end; whatever breaks says what happened."""
    with Life(seed) as life:
        try:
            story(life)
            life.rest()
        except Exception as error:
            error.add_note("\n".join(life.fabric.log[-80:]))
            raise
    return life
