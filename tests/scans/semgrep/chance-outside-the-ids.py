import random
import uuid


def bad():
    # ruleid: chance-outside-the-ids
    random.random()
    # ruleid: chance-outside-the-ids
    return uuid.uuid4()


def good(ids):
    # ok: chance-outside-the-ids
    uuid.UUID("00000000-0000-0000-0000-000000000000")
    # ok: chance-outside-the-ids
    return ids.new()
