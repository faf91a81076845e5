"""Which process an image name stands for."""

from pathlib import Path

import pytest

from local.images import catalogue, repository
from local.settings import Settings


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("slipway/router:local", "slipway/router"),
        ("slipway/router@sha256:abc", "slipway/router"),
        ("localhost:5000/slipway/router:1.0@sha256:abc", "localhost:5000/slipway/router"),
        ("router", "router"),
    ],
)
def test_tag_and_digest_are_no_part_of_the_repository(reference: str, expected: str) -> None:
    """A registry's port is not mistaken for a tag."""
    assert repository(reference) == expected


def test_the_router_listens_where_the_person_looks(tmp_path: Path) -> None:
    """Engines get an address of their own, the router the published port."""
    images = catalogue(Settings(home=tmp_path, emulator_port=1, router_port=4321, containers_port=2))
    assert images["slipway/router"].environment == {"SLIPWAY_LISTEN_HOST": "127.0.0.1", "SLIPWAY_LISTEN_PORT": "4321"}
    assert images["slipway/engine-mock"].own_address


def test_each_image_has_a_digest_of_its_own(tmp_path: Path) -> None:
    """Digests are stable and differ."""
    images = catalogue(Settings(home=tmp_path, emulator_port=1, router_port=3, containers_port=2)).values()
    assert len({image.digest for image in images}) == len(images)
