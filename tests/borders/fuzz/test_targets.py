"""What `make fuzz` hunts: every parser of this folder, and nothing that cannot fail."""

import random

import pytest

from tests.borders.fuzz.targets import MODULES, Target, targets

TARGETS = targets()


def test_every_parser_is_a_target() -> None:
    """Each has a name of its own, and every module of the folder that tries parsers has some."""
    names = [target.name for target in TARGETS]
    assert len(names) == len(set(names)) > 30
    assert {"manifests", "minted_tokens_are_read_back", "streams_in_the_command_line", "contracts_modelpatch"} <= set(names)
    assert len(MODULES) >= 3


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_target_reads_any_bytes(target: Target) -> None:
    """Too few for an example are passed over, and enough of them make one: otherwise a night would try nothing."""
    dice = random.Random(target.name)
    assert target.run(b"") is None
    assert any(target.run(dice.randbytes(size)) is not None for size in (64, 512, 4096) for _ in range(40))
