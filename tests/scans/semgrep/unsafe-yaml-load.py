import yaml


def bad(text):
    # ruleid: unsafe-yaml-load
    yaml.load(text, Loader=yaml.Loader)
    # ruleid: unsafe-yaml-load
    return yaml.unsafe_load(text)


def good(text):
    # ok: unsafe-yaml-load
    yaml.safe_load(text)
    # ok: unsafe-yaml-load
    return yaml.load(text, Loader=yaml.SafeLoader)
