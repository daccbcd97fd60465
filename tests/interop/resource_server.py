"""A resource server's own keys: one that proves who asks about tokens, and those that its tokens are encrypted to."""

from joserfc.jwk import ECKey, RSAKey

CLIENT = "shop-api"


class ResourceServer:
    def __init__(self):
        self.key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        self.sealing = {
            "RSA-OAEP-256": RSAKey.generate_key(2048, {"kid": "archive-1"}),
            "ECDH-ES": ECKey.generate_key("P-256", {"kid": "safe-1"}),
        }

    @property
    def key_set(self):
        return {"keys": [self.key.as_dict(private=False)]}

    def members(self):
        """What the trust files say of the public keys."""
        rsa, ec = (key.as_dict(private=False) for key in self.sealing.values())
        return {"ARCHIVE_N": rsa["n"], "ARCHIVE_E": rsa["e"], "SAFE_X": ec["x"], "SAFE_Y": ec["y"]}
