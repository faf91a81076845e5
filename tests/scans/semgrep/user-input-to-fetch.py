import urllib.request


def handler(event, context):
    # ruleid: user-input-to-fetch
    return urllib.request.urlopen(event["api_base"]).read()


async def ask(request, session):
    body = await request.json()
    address = body["url"]
    # ruleid: user-input-to-fetch
    return await session.get(f"https://{address}/v1/models")


async def ask_settings(request, session, settings):
    await request.json()
    # ok: user-input-to-fetch
    return await session.get(f"{settings.address}/status")


def guarded_handler(event, context):
    # ok: user-input-to-fetch
    return urllib.request.urlopen(guarded(event["api_base"])).read()
