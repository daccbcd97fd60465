"""Three resource servers that know nothing but our metadata: PyJWT, jose and oauth4webapi."""

import ssl
from dataclasses import dataclass

import jwt

NAMES = ["PyJWT", "jose", "oauth4webapi"]
DOCUMENTS = {"oidc": "openid-configuration", "oauth2": "oauth-authorization-server"}
# RFC 9068 section 2.2.
REQUIRED = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]


@dataclass
class Verdict:
    """What a library says about a token."""

    accepted: bool
    claims: dict | None = None
    why: str = ""


class Verifiers:
    def __init__(self, cambist, libraries):
        self.cambist = cambist
        self.libraries = libraries

    def verify(self, library, token, audience, kind="oidc"):
        """The verdict of this library, starting at the metadata of this kind (`oidc` or `oauth2`)."""
        if library == "PyJWT":
            return self._with_pyjwt(token, audience, kind)
        question = {
            "ask": f"{library}.verify",
            "kind": kind,
            "metadata": f"{self.cambist.url}/.well-known/{DOCUMENTS[kind]}",
            "issuer": self.cambist.url,
            "audience": audience,
            "token": token,
        }
        answer = self.libraries.ask(question)
        return Verdict(answer["accepted"], answer.get("claims"), answer.get("why", ""))

    def _with_pyjwt(self, token, audience, kind):
        metadata = self.cambist.metadata(DOCUMENTS[kind])
        try:
            authority = self.cambist.authority
            context = ssl.create_default_context(cafile=authority) if isinstance(authority, str) else None
            key = jwt.PyJWKClient(metadata["jwks_uri"], ssl_context=context).get_signing_key_from_jwt(token)
            decoded = jwt.decode_complete(
                token,
                key,
                algorithms=["ES256", "RS256", "EdDSA"],
                audience=audience,
                issuer=metadata["issuer"],
                options={"require": REQUIRED, "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            return Verdict(False, why=f"{type(error).__name__}: {error}")
        # PyJWT leaves the type to its caller (RFC 9068 section 4).
        if decoded["header"]["typ"] != "at+jwt":
            return Verdict(False, why="typ")
        return Verdict(True, decoded["payload"])
