"""`python environments.py 3`: an interpreter that has imported what functions import, and becomes a function's environment by forking.

Runs on the functions' interpreter, so it needs the standard library alone. It reads jobs from the socket whose descriptor it is given:
one JSON document each (`argv`, `cwd`, `environment`), with three descriptors for standard input, output and error and one that only the
new process holds, by whose closing its end is known. It answers each with the new process's id. It ends with the socket.

{"paths": [...], "modules": [...], "services": [...]} comes first: where to find what is imported beforehand, what that is, and of which
services the SDK's descriptions are read. What is not there is left to the functions. Whatever reads its environment when it is imported
reads that of the first function.
"""

import array
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from typing import Any

LONGEST = 1 << 20
"""Bytes of one job; the system's limit for an environment is near."""


def main(descriptor: int) -> None:
    """Import, then fork until the other side is gone."""
    with socket.socket(fileno=descriptor) as jobs:
        own = list(sys.path[1:])  # without this file's folder
        first = json.loads(jobs.recv(LONGEST))
        warm(first["paths"], first["modules"])
        describe(first["services"])
        gc.collect()
        gc.freeze()  # so that collecting garbage does not copy what all share
        sys.path[:] = own
        jobs.send(b"{}")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is nobody's to wait for
        job = served(jobs)
    if job is not None:
        become(*job)


def warm(paths: list[str], modules: list[str]) -> None:
    """Import these modules from there, as far as they are there."""
    sys.path[:0] = paths
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def describe(services: list[str]) -> None:
    """Read the SDK's descriptions of these services, and remember each: every client of every process reads half a megabyte of them."""
    try:
        loader: Any = importlib.import_module("botocore.loaders").JSONFileLoader
        session: Any = importlib.import_module("botocore.session").Session
    except ImportError:
        return
    known: dict[str, Any] = {}
    stock = loader.load_file

    def load_file(own: Any, path: str) -> Any:
        if path not in known:
            known[path] = stock(own, path)
        return known[path]

    loader.load_file = load_file
    for service in services:
        session().create_client(service, region_name="us-east-1")  # with the keys of the first function


def served(jobs: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for each job. Returns the job in the new process, and None when there are no more."""
    while True:
        text, descriptors = received(jobs)
        if not text:
            return None
        child = os.fork()
        if child == 0:
            return json.loads(text), descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        jobs.send(json.dumps({"pid": child}).encode())


def received(jobs: socket.socket) -> tuple[bytes, list[int]]:
    """One job with its descriptors."""
    descriptors = array.array("i")
    text, more, _, _ = jobs.recvmsg(LONGEST, socket.CMSG_SPACE(4 * descriptors.itemsize), socket.MSG_CMSG_CLOEXEC)
    for _, _, given in more:
        descriptors.frombytes(given[: len(given) - len(given) % descriptors.itemsize])
    return text, list(descriptors)


def become(job: dict[str, Any], descriptors: list[int]) -> None:
    """Be the program that was asked for, as a new interpreter would be; `descriptors[3]` stays open until the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)  # which programs that it starts inherit
        os.close(descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.argv[:] = job["argv"]
    sys.path.insert(0, sys.argv[0].rpartition(os.sep)[0])
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(int(sys.argv[1]))
