import asyncio
import os
import subprocess


def bad(name):
    # ruleid: shell-or-formatted-command
    subprocess.run(f"rm -r {name}", check=True)
    # ruleid: shell-or-formatted-command
    subprocess.run(["rm", name], shell=True)
    # ruleid: shell-or-formatted-command
    subprocess.check_output("ls %s" % name)
    # ruleid: shell-or-formatted-command
    os.system("ls")
    # ruleid: shell-or-formatted-command
    return asyncio.create_subprocess_shell("ls")


def good(name):
    # ok: shell-or-formatted-command
    subprocess.run(["rm", "-r", f"/tmp/{name}"], check=True)
    # ok: shell-or-formatted-command
    return asyncio.create_subprocess_exec("ls", name)
