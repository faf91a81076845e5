"""Rows of former releases are read as what they meant."""

from dataclasses import asdict

from serving.adapters import documents
from serving.domain.model import Deployment
from tests.unit.serving.samples import spec


def test_a_row_with_the_one_deployment_of_old_is_read() -> None:
    """Its service is the wanted one, of the version that the wish names."""
    old = {
        "model_id": "m",
        "generation": 1,
        "revision": 3,
        "edition": 4,
        "status": "InService",
        "spec": spec(),
        "created_by": "token:a",
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_by": "token:a",
        "updated_at": "2026-01-01T00:00:00.000Z",
        "deployment": {"service": "slipway-test-m-1-0-0-g1", "generation": 1},
    }
    model = documents.model(old)
    assert model.deployments == (Deployment("slipway-test-m-1-0-0-g1", 1, "1.0.0"),)
    assert documents.model(asdict(model)) == model
