"""Whether a history of commands and reads can be explained by one register per model, whose generation each accepted command raises by one.

The order of a model's commands is no riddle here: its ledger numbers them. So linearizability is that this order agrees with what clients
saw: nothing that was acknowledged is missing or comes after what began later, no read is older than what had been acknowledged or read
before it, none is of a command that had not begun, and two reads of a generation see the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.emulator.history.log import Done


@dataclass(frozen=True)
class Accepted:
    """A command as a model's ledger (or the audit) has it. `text`: the description that the wish had from then on."""

    operation_id: str
    generation: int
    text: str = ""


def violations(history: Iterable[Done], ledger: Mapping[str, Sequence[Accepted]], audit: Sequence[str]) -> list[str]:
    """Every way in which the history is wrong, in words; empty when it is right.

    `ledger`: what each model's ledger holds, as it stands; `audit`: operation ids of commands in the audit, as often as they are there.
    """
    operations = list(history)
    found = []
    for model in sorted({one.model for one in operations} | set(ledger)):
        mine = [one for one in operations if one.model == model]
        found += [f"{model}: {text}" for text in _of_model(mine, ledger.get(model, ()))]
    return found + _of_audit(operations, ledger, audit)


def _of_model(mine: list[Done], accepted: Sequence[Accepted]) -> list[str]:
    numbers = {one.operation_id: one.generation for one in accepted}
    writes = [one for one in mine if not one.is_read]
    reads = [one for one in mine if one.is_read and one.outcome == "ok"]
    return [
        *_of_ledger(accepted),
        *_of_acknowledgements(writes, numbers),
        *_of_order(writes, numbers),
        *_of_reads(reads, writes, numbers, accepted),
        *_of_clients(mine, numbers),
    ]


def _of_ledger(accepted: Sequence[Accepted]) -> list[str]:
    generations = [one.generation for one in accepted]
    doubled = [number for number, count in Counter(generations).items() if count > 1]
    found = [f"generation {number} was given to two commands" for number in doubled]
    if generations != sorted(generations):
        found.append(f"generations are not in order: {generations}")
    return found


def _of_acknowledgements(writes: list[Done], numbers: Mapping[str, int]) -> list[str]:
    found = []
    acknowledged = [one for one in writes if one.outcome == "ok"]
    for one in acknowledged:
        number = numbers.get(one.operation_id)
        if number is None:
            found.append(
                f"lost update: {one.action} of {one.client} was acknowledged as {one.operation_id}, and the ledger has nothing of it"
            )
        elif one.expected and number != one.expected + 1:
            found.append(f"lost update: {one.action} of {one.client} was to follow generation {one.expected}, and became {number}")
    unsure = sum(one.outcome == "info" for one in writes)
    unknown = set(numbers) - {one.operation_id for one in acknowledged}
    if len(unknown) > unsure:
        found.append(f"{len(unknown)} commands in the ledger that nobody was told of, and only {unsure} whose end is unknown")
    return found


def _of_order(writes: list[Done], numbers: Mapping[str, int]) -> list[str]:
    """Of two acknowledged commands, the one that ended before the other began comes first."""
    ordered = sorted((one for one in writes if one.outcome == "ok" and one.operation_id in numbers), key=lambda one: one.began)
    found = []
    for later in ordered:
        earlier = [one for one in ordered if one.ended < later.began]
        newest = max((numbers[one.operation_id] for one in earlier), default=0)
        if numbers[later.operation_id] <= newest:
            found.append(f"{later.action} became generation {numbers[later.operation_id]} after {newest} had been acknowledged")
    return found


def _of_reads(reads: list[Done], writes: list[Done], numbers: Mapping[str, int], accepted: Sequence[Accepted]) -> list[str]:
    found = []
    texts = {one.generation: one.text for one in accepted}
    began = {numbers[one.operation_id]: one.began for one in writes if one.outcome == "ok" and one.operation_id in numbers}
    for read in reads:
        told = [numbers[one.operation_id] for one in writes if one.ended < read.began and one.operation_id in numbers]
        seen = [one.generation for one in reads if one.ended < read.began]
        least = max([*told, *seen], default=0)
        if read.generation < least:
            found.append(f"stale read: {read.client} saw generation {read.generation} after {least} had been acknowledged or read")
        if began.get(read.generation, -1) > read.ended:
            found.append(f"{read.client} saw generation {read.generation} before its command had begun")
        if read.generation not in texts:
            found.append(f"{read.client} saw generation {read.generation}, which the ledger does not have")
        elif read.text != texts[read.generation]:
            found.append(f"{read.client} saw {read.text!r} as generation {read.generation}, which is {texts[read.generation]!r}")
    return found


def _of_clients(mine: list[Done], numbers: Mapping[str, int]) -> list[str]:
    """Nobody goes back in time: each client's reads never fall, nor fall behind its own commands."""
    found = []
    for client in sorted({one.client for one in mine}):
        highest = 0
        for one in sorted((one for one in mine if one.client == client and one.outcome == "ok"), key=lambda one: one.ended):
            number = one.generation if one.is_read else numbers.get(one.operation_id, highest)
            if one.is_read and number < highest:
                found.append(f"{client} went back from generation {highest} to {number}")
            highest = max(highest, number)
    return found


def _of_audit(operations: list[Done], ledger: Mapping[str, Sequence[Accepted]], audit: Sequence[str]) -> list[str]:
    """The audit holds each command that was accepted once, and none that was not."""
    accepted = {one.operation_id for rows in ledger.values() for one in rows}
    acknowledged = {one.operation_id for one in operations if not one.is_read and one.outcome == "ok"}
    refused = {one.operation_id for one in operations if one.outcome == "fail" and one.operation_id}
    return [
        *(f"doubled audit entry: {name}, {count} times" for name, count in Counter(audit).items() if count > 1),
        *(f"the audit has nothing of {name}, which was acknowledged" for name in sorted(acknowledged - set(audit))),
        *(f"the audit has {name}, which was refused" for name in sorted(refused & set(audit))),
        *(f"the audit has {name}, which no ledger has" for name in sorted(set(audit) - accepted)),
    ]
