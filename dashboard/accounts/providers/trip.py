"""What goes with a browser on its way to a provider and back."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Trip:
    """One journey: what only this browser and we know.

    `state` says that it was begun here (RFC 6749, 10.12), `nonce` that the id token was made for it (OpenID Connect
    Core, 3.1.2.1), `verifier` that the code is used by who asked for it (RFC 7636). `after` is a path of ours to go to
    in the end; `invited` the token of a link that an admin made, or `account` the id of who is logged in, when this
    log-in is to be tied to an account that there is.
    """

    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    after: str = "/"
    invited: str = ""
    account: str = ""

    def asking(self, client: str, back: str) -> dict[str, str]:
        """What every provider is told with a browser that is sent to it: for whom, and how it comes back."""
        return {
            "client_id": client,
            "redirect_uri": back,
            "state": self.state,
            "code_challenge": self._challenge,
            "code_challenge_method": "S256",
        }

    def redeeming(self, code: str, back: str) -> dict[str, str]:
        """What every provider asks for in exchange for tokens."""
        return {"code": code, "redirect_uri": back, "code_verifier": self.verifier}

    @property
    def _challenge(self) -> str:
        """The verifier as the provider may see it beforehand: its SHA-256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
