"""Taking a model's schedule out of the world: no alarm rings for it, and no row says that one should."""

from serving.ports import Agendas, AlarmRemoval


def forget(agendas: Agendas, alarms: AlarmRemoval, model_id: str) -> None:
    """What is gone counts as removed; Contended if somebody wrote the row meanwhile."""
    alarms.remove(model_id)
    known = agendas.read(model_id)
    if known:
        agendas.drop(known)
