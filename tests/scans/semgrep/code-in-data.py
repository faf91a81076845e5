import ast
import json
import pickle

import torch


def bad(blob):
    # ruleid: code-in-data
    pickle.loads(blob)
    # ruleid: code-in-data
    torch.load(blob)
    # ruleid: code-in-data
    return eval(blob)


def good(blob):
    # ok: code-in-data
    json.loads(blob)
    # ok: code-in-data
    return ast.literal_eval(blob)
