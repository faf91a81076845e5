"""The HTTP statuses that answers are told apart by, as numbers: to look up a member of `http.HTTPStatus` takes longer than to compare."""

from http import HTTPStatus
from typing import Final

OK: Final = HTTPStatus.OK.value
REDIRECTION: Final = HTTPStatus.MULTIPLE_CHOICES.value
"""Where redirections begin, and successes end."""
BAD_REQUEST: Final = HTTPStatus.BAD_REQUEST.value
"""Where refusals begin."""
UNAUTHORIZED: Final = HTTPStatus.UNAUTHORIZED.value
NOT_FOUND: Final = HTTPStatus.NOT_FOUND.value
TOO_MANY_REQUESTS: Final = HTTPStatus.TOO_MANY_REQUESTS.value
CLIENT_GONE: Final = 499
"""Of a request whose caller left before its answer, as nginx logs it; never sent."""
SERVER_ERROR: Final = HTTPStatus.INTERNAL_SERVER_ERROR.value
"""Where failures begin."""
UNAVAILABLE: Final = HTTPStatus.SERVICE_UNAVAILABLE.value
GATEWAY_TIMEOUT: Final = HTTPStatus.GATEWAY_TIMEOUT.value
