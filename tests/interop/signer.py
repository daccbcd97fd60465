"""An issuer that is nothing but a key: no server, no discovery, a key set that somebody copied to a file."""

import json
import time
import uuid

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://signer.example.com"
SUBJECT = "invoice-run"


class Signer:
    def __init__(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = str(uuid.uuid4())
        self.private_key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.key_set = {"keys": [{**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": self.key_id, "use": "sig"}]}

    def mint(self, subject, audience, **claims):
        """A token of this issuer, good for five minutes."""
        now = int(time.time())
        known = {"iss": ISSUER, "sub": subject, "aud": audience, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        return jwt.encode({**known, **claims}, self.private_key, "RS256", {"kid": self.key_id})
