"""A key."""

import msgspec

from polaris.venues.secrets import Secret


class Key(msgspec.Struct, frozen=True):
    """An account's key pair; both halves go out with every request."""

    api_key: Secret
    secret: Secret

    def headers(self) -> dict[str, Secret]:
        """What a request carries."""
        return {"APCA-API-KEY-ID": self.api_key, "APCA-API-SECRET-KEY": self.secret}

    def login(self) -> Secret:
        """What the stream wants to hear first, within ten seconds."""
        return Secret(msgspec.json.encode({"action": "auth", "key": self.api_key.reveal(), "secret": self.secret.reveal()}).decode())
