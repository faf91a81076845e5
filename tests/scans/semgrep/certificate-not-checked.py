import ssl

import httpx


def bad(url, session):
    # ruleid: certificate-not-checked
    httpx.get(url, verify=False)
    # ruleid: certificate-not-checked
    session.get(url, ssl=False)
    # ruleid: certificate-not-checked
    return ssl._create_unverified_context()


def good(url):
    # ok: certificate-not-checked
    httpx.get(url, verify=True)
    # ok: certificate-not-checked
    return ssl.create_default_context()
