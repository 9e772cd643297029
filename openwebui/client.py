"""Call Open WebUI 0.12 and the API server, as far as provisioning needs it. Every call blocks."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT = 30
"""Seconds for one call; Open WebUI on a board under load takes several."""


class Unreachable(Exception):
    """No answer, or an unusable one: worth another try."""


class Refused(Exception):
    """Open WebUI rejects the password or the token."""


def call(method: str, url: str, body: Any = None, token: str = "") -> Any:
    """Send one request and return the answer, both as JSON.

    Raises `Refused` for 400, 401 and 403, `Unreachable` for every other failure.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        kind = Refused if error.code in (400, 401, 403) else Unreachable
        raise kind(f"{method} {url} answered {error.code}: {error.read(300).decode(errors='replace')}") from error
    except (OSError, ValueError) as error:
        raise Unreachable(f"{method} {url}: {error}") from error


class OpenWebUI:
    """A session as the admin that the first start creates. Every method raises `Refused` and `Unreachable`."""

    def __init__(self, url: str, email: str, password: str) -> None:
        """Sign in. Raises `Refused` and `Unreachable`."""
        self._url = url
        body = {"email": email, "password": password}
        self._token = str(call("POST", f"{url}/api/v1/auths/signin", body)["token"])

    def rows(self) -> dict[str, Any]:
        """Return the settings in the database, by row key."""
        rows: dict[str, Any] = call("GET", f"{self._url}/api/v1/configs/export", token=self._token)
        return rows

    def set_rows(self, rows: dict[str, Any]) -> None:
        """Write these settings; all others stay."""
        call("POST", f"{self._url}/api/v1/configs/import", {"config": rows}, self._token)

    def models(self) -> dict[str, dict[str, Any]]:
        """Return the records of the served models, by id. /models/export leaves them out."""
        records = call("GET", f"{self._url}/api/v1/models/base", token=self._token)
        return {record["id"]: record for record in records}

    def set_models(self, records: list[dict[str, Any]]) -> None:
        """Create or replace these model records."""
        call("POST", f"{self._url}/api/v1/models/import", {"models": records}, self._token)


def served_models(url: str, key: str) -> list[dict[str, Any]]:
    """Return the entries of the API server's ``/v1/models``. Raises `Refused` and `Unreachable`."""
    models: list[dict[str, Any]] = call("GET", f"{url}/models", token=key)["data"]
    return models
