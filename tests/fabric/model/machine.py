"""The stateful model test: random people, faults, trouble and time, in an order that hypothesis decides, against every invariant.

What may be lost is what AWS may lose, or what an operator gives back: a stream's records after a day (the sweep announces what was not
announced), a router's look, an alarm, a tick of a sweep, an event of EC2's (best effort); a message that ended with the dead letters
comes back by `redrive`. Everything else arrives at least once: late, again, in any order.

Of the eighteen invariants of the design these do not apply yet, because what they speak of does not exist: shares of a canary, its
approved steps and the exact roll-back of a table (of 9), a group's budget of GPUs (of 18), scaling policies (of 3: the platform scales by
itself, and what it set is asked for), a chain of hashes in the audit (of 5).
"""

import sys

from hypothesis.stateful import invariant

from tests.fabric.model.befalling import Befalling
from tests.fabric.model.confluence import the_shares_are_what_was_accepted, the_wish_is_what_was_accepted
from tests.fabric.model.letters import come_to_rest
from tests.fabric.model.people import MODELS
from tests.fabric.model.rest import FINALLY
from tests.fabric.model.steps import STEPS

LINES_SHOWN = 150
"""Of the trace, where an example fails."""


def fresh_machine() -> "type[Platform]":
    """A machine of its own, whose counters are at nought."""

    class Counted(Platform):
        steps = 0
        examples = 0

    return Counted


class Platform(Befalling):
    """One platform and everything that may befall it, against every invariant."""

    @invariant()
    def always(self) -> None:
        """Whatever was written in this step was right, and what is to be seen is."""
        type(self).steps += 1
        self.seen.hear()
        self.seen.look()
        for check in STEPS:
            check(self.seen)

    def teardown(self) -> None:
        """Faults end, everything arrives, the dead letters are given back; then what holds finally is asked for."""
        if not hasattr(self, "fabric"):
            return
        error = sys.exc_info()[1]  # what ended the example early, which is why this runs
        try:
            if error is None:
                self.finally_()
        except Exception as failure:
            error = failure
            raise
        finally:
            self.fabric.__exit__(None, None, None)
            if isinstance(error, Exception):
                trace = "\n".join(self.fabric.log[-LINES_SHOWN:])
                error.add_note(f"what happened on the platform (seed {self.fabric.seed}, {len(self.fabric.log)} lines):\n{trace}")

    def finally_(self) -> None:
        """At rest."""
        self.redrive()
        come_to_rest(self.fabric)
        self.seen.hear()
        self.seen.look()
        for check in (*STEPS, *FINALLY):
            check(self.seen)
        the_wish_is_what_was_accepted(self.people)
        the_shares_are_what_was_accepted(self.people)
        self._undisturbed()

    def _undisturbed(self) -> None:
        """2: where nothing goes wrong any more, a command is carried out without any sweep: a model goes."""
        for model_id in MODELS:
            row = self.seen.model(model_id)
            if row and not row["deleted"] and not row["spec"]["delete_protection"]:
                status, told, _ = self.people.command("admin", "delete_model", "DELETE", f"/models/{model_id}")
                assert status == 202, f"the deletion of {model_id} at rest is answered {status}: {told}"
                self.fabric.run()
                self.seen.look()
                assert (self.seen.model(model_id) or {})["deleted"], f"nothing has gone wrong, and {model_id} is not gone"
                return
