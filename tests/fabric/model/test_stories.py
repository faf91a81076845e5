"""Every told life ends as it should, under every invariant."""

import pytest

from tests.evidence import counted, scaled
from tests.fabric.model.stories import STORIES, tell


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_ends_well(story: object) -> None:
    """No invariant is broken at any step of it, or at rest, whatever the order in which things happen."""
    for seed in range(scaled(3)):
        tell(next(one for one in STORIES if one is story), seed)
        counted("model_stories", 1)
