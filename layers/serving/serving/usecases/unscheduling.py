"""Taking a model's schedule out of the world: no alarm rings for it, and no row says that one should."""

from serving.ports import Agendas, AlarmRemoval


def forget(agendas: Agendas, alarms: AlarmRemoval, model_id: str, *, found_by_alarm: bool = False) -> None:
    """What is gone counts as removed; Contended if somebody wrote the row meanwhile.

    What the caller was led here by goes last (the row, or the alarm): whoever has to finish it is led here again.
    """
    known = agendas.read(model_id)
    if known and found_by_alarm:
        agendas.drop(known)
    alarms.remove(model_id)
    if known and not found_by_alarm:
        agendas.drop(known)
