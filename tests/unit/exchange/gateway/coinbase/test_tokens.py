"""Who may ask: tokens as they are, and every way in which one is not good."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from polaris.domain.errors import BadConfig
from polaris.exchange.gateway.coinbase.limits import Limits
from polaris.exchange.gateway.keys import ED25519, ES256, READ, Keys
from tests.unit.exchange.gateway.bare import START
from tests.unit.exchange.gateway.coinbase.asked import SECOND, Asker, Here
from tests.unit.exchange.gateway.coinbase.tokens_of import Signer, part

NOW = START // SECOND
ACCOUNTS = "/api/v3/brokerage/accounts"
CALL = f"GET api.coinbase.com{ACCOUNTS}"


@pytest.fixture
async def here():
    async with Here() as venue:
        yield venue


@pytest.mark.parametrize("kind", ["EdDSA", "ES256"])
@pytest.mark.parametrize("call", [CALL, f"GET here{ACCOUNTS}", f"GET https://api.coinbase.com{ACCOUNTS}", f"GET http://here{ACCOUNTS}"])
async def test_a_good_token_of_either_kind_of_key_is_let_in(here, kind, call):
    me = Asker(here, kind=kind)
    told = await me.ask("GET", "accounts", token=me.signer.token(NOW, call))
    assert me.status == 200 and len(told["accounts"]) == 3


async def test_a_token_may_name_its_call_in_a_list(here):
    me = Asker(here)
    await me.ask("GET", "accounts", token=me.signer.token(NOW, uris=[CALL]))
    assert me.status == 200


@pytest.mark.parametrize("kind", ["EdDSA", "ES256"])
@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another method", {"uri": f"POST api.coinbase.com{ACCOUNTS}"}),
        ("another path", {"uri": f"{CALL}/x"}),
        ("another host", {"uri": f"GET evil.example{ACCOUNTS}"}),
        ("no call", {"uri": ""}),
        ("too early", {"nbf": NOW + 6, "exp": NOW + 126}),
        ("too late", {"nbf": NOW - 120, "exp": NOW}),
        ("good for too long", {"nbf": NOW, "exp": NOW + 121}),
        ("good for no time", {"nbf": NOW, "exp": NOW}),
        ("no end", {"exp": None}),
        ("another subject", {"sub": "else"}),
        ("another issuer", {"iss": "else"}),
        ("another key", {"head": {"kid": "else"}}),
        ("no signature", {"head": {"alg": "none"}}),
        ("another algorithm", {"head": {"alg": "HS256"}}),
    ],
)
async def test_a_token_that_is_not_good_is_turned_away(here, kind, what, changes):
    me = Asker(here, kind=kind)
    told = await me.ask("GET", "accounts", token=me.signer.token(NOW, **{"uri": CALL, **changes}))
    assert (me.status, told["error"]) == (401, "unauthorized"), what


@pytest.mark.parametrize("kind", ["EdDSA", "ES256"])
async def test_one_changed_bit_of_what_is_signed_or_of_the_signature_is_seen(here, kind):
    me = Asker(here, kind=kind)
    token = me.signer.token(NOW, CALL)
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        await me.ask("GET", "accounts", token=changed)
        assert me.status == 401, at
    await me.ask("GET", "accounts", token=token)
    assert me.status == 200


async def test_a_key_of_one_kind_does_not_open_with_the_algorithm_of_another(here):
    me = Asker(here)
    await me.ask("GET", "accounts", token=me.signer.token(NOW, CALL, head={"alg": "ES256"}))
    assert me.status == 401
    me.signer.key, _ = here.keys.create_hmac(1)
    await me.ask("GET", "accounts", token=me.signer.token(NOW, CALL))
    assert me.status == 401


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "...", "a.b.c.d", "é.é.é", f"{part(b'{}')}.{part(b'{}')}.", "=.=.=", "x" * 5000, "[].[].[]"])
async def test_what_is_no_token_is_turned_away(here, token):
    me = Asker(here)
    told = await me.ask("GET", "accounts", token=token)
    assert (me.status, told["error"]) == (401, "unauthorized")
    await me.send("GET", ACCOUNTS)
    assert me.status == 401


async def test_a_key_opens_only_from_its_addresses_and_for_its_scopes(here):
    me = Asker(here, addresses=("10.0.0.0/8",))
    told = await me.ask("GET", "accounts")
    assert (me.status, told["error"]) == (403, "PERMISSION_DENIED")
    reader = Asker(here, scopes=frozenset({READ}))
    await reader.ask("GET", "accounts")
    assert reader.status == 200
    await reader.ask("POST", "orders/batch_cancel", {"order_ids": ["x"]})
    assert reader.status == 403


async def test_a_revoked_key_opens_nothing(here):
    me = Asker(here)
    here.keys.revoke(me.signer.key.name)
    await me.ask("GET", "accounts")
    assert me.status == 401


def test_a_key_for_tokens_is_a_point_on_p_256_and_is_kept(tmp_path):
    store = Keys(tmp_path / "keys.json")
    signer = Signer(store, 3, "ES256")
    again = Keys(tmp_path / "keys.json").find(signer.key.name)
    assert again == signer.key and "secret" not in repr(again) and signer.key.public not in repr(again)
    with pytest.raises(BadConfig, match="no public key on P-256"):
        store.create_es256(1, "x")
    pem = signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert store.create_public(1, pem).kind == ES256
    ed25519 = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(BadConfig, match="no public key on P-256"):
        store.create_es256(1, ed25519)
    assert store.create_public(1, ed25519).kind == ED25519
    with pytest.raises(BadConfig, match="no Ed25519 public key"):
        store.create_public(1, "x")


async def test_who_asks_too_often_waits_for_the_next_second():
    async with Here(limits=Limits(public=2, private=3)) as here:
        me, other = Asker(here), Asker(here, 2)
        for expected in (200, 200, 200, 429):
            told = await me.ask("GET", "key_permissions")
            assert me.status == expected
        assert told["error"] == "rate_limit_exceeded"
        await other.ask("GET", "key_permissions")
        assert other.status == 200, "a user has his own"
        for expected in (200, 200, 429):
            await me.send("GET", "/api/v3/brokerage/time")
            assert me.status == expected
        here.clock.now += SECOND
        await me.ask("GET", "key_permissions")
        assert me.status == 200
