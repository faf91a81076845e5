import logging

logger = logging.getLogger()


def bad(request, pepper, api_key):
    # ruleid: secret-in-log
    logger.info("signed in", request.token)
    # ruleid: secret-in-log
    logger.warning(f"refused {api_key}")
    # ruleid: secret-in-log
    logger.error("refused", extra={"with": pepper})


def good(request, token_id, tokens):
    # ok: secret-in-log
    logger.info("signed in", extra={"token_id": token_id})
    # ok: secret-in-log
    logger.info("counted", tokens)
    # ok: secret-in-log
    logger.info("the token was refused")
