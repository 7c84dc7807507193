"""Who may log on: an API key by its secret, or by a signature that shows he holds it.

    by secret      Username (553) is the key's name, Password (554) its secret: HMAC-SHA256 keys only, since of an Ed25519 key the
                   venue knows the public half alone
    by signature   Username (553) is the key's name, RawData (96) signs five fields joined by SOH, as Binance's FIX has it:
                   MsgType, SenderCompID, TargetCompID, MsgSeqNum, SendingTime. Ed25519 keys in base64, HMAC-SHA256 keys in hex

A signature is good as long as its SendingTime is, and once. Whatever is wrong, the answer is the same.
"""

import hmac
from typing import Final

from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import Message, nanoseconds
from polaris.exchange.gateway.fix.session import LATENCY_NS
from polaris.exchange.gateway.keys import HMAC, READ, Key, Keys

SIGNED: Final = (w.MSG_TYPE, w.SENDER_COMP_ID, w.TARGET_COMP_ID, w.MSG_SEQ_NUM, w.SENDING_TIME)
DENIED: Final = "logon refused: unknown key, wrong secret or signature, or not from this address"


class Access:
    """Lets holders of keys in."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._seen: dict[tuple[str, bytes], int] = {}  # signed logons that were let in: until when they would be good

    def key(self, message: Message, address: str, now: int) -> Key | None:
        """The key of a logon; None where it is not to be let in."""
        key = self._keys.find(message.get(w.USERNAME))
        if key is None or not key.comes_from(address) or READ not in key.scopes:
            return None
        if message.get(w.RAW_DATA):
            return key if self._is_signed(key, message, now) else None
        secret, password = key.secret.encode(), message.get(w.PASSWORD).encode()
        return key if key.kind == HMAC and secret and hmac.compare_digest(secret, password) else None

    def _is_signed(self, key: Key, message: Message, now: int) -> bool:
        made = nanoseconds(message.get(w.SENDING_TIME))
        if made is None or abs(now - made) > LATENCY_NS:
            return False
        payload = w.SOH.join([message.get(tag) for tag in SIGNED]).encode("latin-1")
        if not key.signed(payload, message.get(w.RAW_DATA)):
            return False
        self._seen = {seen: until for seen, until in self._seen.items() if until >= now}
        if (key.name, payload) in self._seen:
            return False
        self._seen[key.name, payload] = made + LATENCY_NS
        return True
