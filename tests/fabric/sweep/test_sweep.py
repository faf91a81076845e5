"""Wherever any function dies, the platform comes to the same end; and nothing that could die was left out."""

import random
from collections import Counter

import pytest

from tests.evidence import counted, scaled
from tests.fabric.sweep.outcome import differing
from tests.fabric.sweep.points import Point, end_of, everywhere, played, points, recorded, recordings, swept
from tests.fabric.sweep.scenarios import SCENARIOS
from tests.fabric.sweep.sites import sites
from tests.fabric.sweep.stage import Death
from tests.fabric.topology import topology

UNREACHED: dict[str, str] = {}
"""Calls to AWS that no scenario can come to: a sentence each."""


@pytest.mark.timeout(900)  # the longest scenario has hundreds of calls, each with a run of its own
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_death_at_any_call_changes_nothing_but_the_time_it_takes(scenario: str) -> None:
    """Before and after each call that no earlier scenario has come to in this way; AWS delivers again, and all ends alike."""
    assert recorded(scenario).end["wrong"] == []
    wrong, swept_here = [], Counter[str]()
    for point in points()[scenario]:
        wrong += [f"{point}: {line}" for line in swept(point)]
        swept_here[point.function] += 1 if point.death.call == 0 or scaled(1) > 1 else 2  # see `points`: one run stands for two
    for function, number in swept_here.items():
        counted("crash_points_swept", number, function=function)
    counted("crashes_played", len(points()[scenario]))
    assert not wrong, "\n".join(wrong[:40])


def test_every_function_and_every_state_is_swept() -> None:
    """As the template and the machines' definitions name them: one without a run would go unproven."""
    run = {point.function for found in points().values() for point in found}
    silent = {name for one in recordings() for name, calls in one.runs if not calls}
    assert run | silent == set(topology().functions)
    assert silent - run <= {"AccessReadApiDocumentFunction"}, "only what serves a file makes no call"
    states = {(machine, state) for machine, given in topology().machines.items() for state in given["States"]}
    assert states - frozenset().union(*(one.states for one in recordings())) == set()
    counted("functions_swept", len(run))
    counted("machine_states_swept", len(states))


def test_every_call_to_aws_in_the_code_is_swept() -> None:
    """Each place in our layers at which an operation of AWS is called was passed by some scenario, or is excused by a sentence."""
    passed = frozenset().union(*(one.lines for one in recordings()))
    missed = {str(site) for site in sites() if not site.passed(passed)}
    assert len(sites()) > 30
    assert missed == set(UNREACHED), "never reached, or no longer in need of an excuse"
    counted("call_sites_swept", len(sites()) - len(missed))


def test_what_died_early_meets_what_is_asked_for_later() -> None:
    """Deaths anywhere in a whole life, drawn by chance, after which it goes on at once. Forty now, more by `SLIPWAY_PROOF_SCALE`."""
    everything = everywhere("hosted_life")
    drawn = random.Random("a life goes on").sample(everything, min(scaled(40), len(everything)))
    wrong = [f"{point}: {line}" for point in drawn for line in swept(point)]
    counted("crashes_in_whole_lives", len(drawn))
    assert not wrong, "\n".join(wrong[:40])


def test_two_deaths_end_as_well_as_one() -> None:
    """Pairs, drawn by chance: a second run dies soon after the first. Eight now, more by `SLIPWAY_PROOF_SCALE`.

    What runs after the first death is not known before, so that a second one may meet no call; such a pair is drawn anew, and not counted.
    """
    chance = random.Random("pairs")
    everything = [point for found in points().values() for point in found]
    wanted, pairs = scaled(8), 0
    for _ in range(wanted * 6):
        point: Point = chance.choice(everything)
        again = Death(chance.randint(1, 6), chance.randrange(4), chance.choice(("before", "after")))
        stage = played(point.scenario, point.death, again)
        died = sum(times for name, times in stage.fired.items() if name.startswith("crash "))
        assert died > 0, f"{point}: nothing has died"
        assert differing(recorded(point.scenario).end, end_of(stage)) == [], f"{point}, and then {again}"
        pairs += died == 2
        if pairs == wanted:
            break
    assert pairs == wanted, f"both deaths came to pass in {pairs} runs of {wanted * 6} only"
    counted("crash_pairs_swept", pairs)
