"""What Alpaca's API for brokers adds: owners and their accounts, banks, journals, portfolios.

We are no broker: these are read where an account of ours is one of theirs. Names and addresses are somebody's: they are
never logged.
"""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from polaris.venues.alpaca.trading_documents import AccountConfiguration, Amount


class Contact(msgspec.Struct):
    """Where an owner is reached."""

    email_address: str
    phone_number: str = ""
    street_address: list[str] = []
    unit: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""


class Identity(msgspec.Struct):
    """Who an owner is."""

    given_name: str
    family_name: str
    middle_name: str = ""
    date_of_birth: str = ""
    tax_id_type: str = ""
    country_of_citizenship: str = ""
    country_of_birth: str = ""
    country_of_tax_residence: str = ""
    funding_source: list[str] | None = None
    visa_type: str | None = None
    visa_expiration_date: str | None = None
    date_of_departure_from_usa: str | None = None
    permanent_resident: bool | None = None


class Disclosures(msgspec.Struct):
    """What an owner had to say of themself."""

    is_control_person: bool
    is_affiliated_exchange_or_finra: bool
    is_politically_exposed: bool
    immediate_family_exposed: bool
    is_discretionary: bool = False


class Agreement(msgspec.Struct):
    """What an owner signed."""

    agreement: str
    signed_at: str
    ip_address: str
    revision: str | None = None


class TrustedContact(msgspec.Struct):
    """Whom to ask when an owner can't be reached."""

    given_name: str
    family_name: str
    email_address: str = ""


class AccountPaper(msgspec.Struct):
    """A document an owner handed in."""

    id: str
    document_type: str
    document_sub_type: str = ""
    content: str = ""
    created_at: str = ""


class KycResults(msgspec.Struct):
    """What the check of an owner found, by check."""

    reject: dict[str, Any] = {}
    accept: dict[str, Any] = {}
    indeterminate: dict[str, Any] = {}
    summary: str = ""
    additional_information: str = ""


class BrokerAccount(msgspec.Struct):
    """An account and its owner."""

    id: str
    account_number: str
    status: str
    currency: str
    created_at: str
    crypto_status: str = ""
    last_equity: Amount = None
    contact: Contact | None = None
    identity: Identity | None = None
    disclosures: Disclosures | None = None
    agreements: list[Agreement] | None = None
    documents: list[AccountPaper] | None = None
    trusted_contact: TrustedContact | None = None
    kyc_results: KycResults | None = None
    account_type: str = ""
    account_sub_type: str = ""
    trading_configurations: AccountConfiguration | None = None


class Statement(msgspec.Struct):
    """A statement or confirmation, to be fetched by its id."""

    id: str
    type: str
    date: str
    name: str = ""
    sub_type: str = ""


class Bank(msgspec.Struct):
    """Where money can be sent."""

    id: str
    account_id: str
    status: str
    bank_code: str
    bank_code_type: str
    account_number: str
    name: str = ""
    country: str = ""
    state_province: str = ""
    postal_code: str = ""
    city: str = ""
    street_address: str = ""
    created_at: str = ""
    updated_at: str = ""


class AchRelationship(msgspec.Struct):
    """A bank account that is linked."""

    id: str
    account_id: str
    status: str
    account_owner_name: str
    bank_account_type: str
    bank_account_number: str
    bank_routing_number: str
    created_at: str = ""
    updated_at: str = ""


class Journal(msgspec.Struct):
    """Cash or shares moved between two accounts."""

    id: str
    entry_type: str
    from_account: str
    to_account: str
    status: str
    net_amount: Amount = None
    symbol: str | None = ""
    qty: Amount = None
    price: Amount = None
    currency: str = ""
    settle_date: str | None = None
    system_date: str | None = None
    description: str = ""
    error_message: str = ""


class Weight(msgspec.Struct):
    """A part of a portfolio."""

    type: Literal["cash", "asset"]
    percent: Decimal
    symbol: str | None = None


class RebalanceCondition(msgspec.Struct):
    """When a portfolio is rebalanced."""

    type: str
    sub_type: str
    percent: Amount = None
    day: str | None = None


class Portfolio(msgspec.Struct):
    """A portfolio to which accounts are rebalanced."""

    id: str
    name: str
    status: str
    weights: list[Weight]
    rebalance_conditions: list[RebalanceCondition] | None = None
    description: str = ""
    cooldown_days: int = 0
    created_at: str = ""
    updated_at: str = ""


class PortfolioSubscription(msgspec.Struct):
    """An account that follows a portfolio."""

    id: str
    account_id: str
    portfolio_id: str
    created_at: str = ""
    last_rebalanced_at: str | None = None


BROKER_DOCUMENTS: Final[dict[str, Any]] = {
    "broker account": BrokerAccount,
    "broker accounts": list[BrokerAccount],
    "statements": list[Statement],
    "bank": Bank,
    "banks": list[Bank],
    "ach relationships": list[AchRelationship],
    "journal": Journal,
    "journals": list[Journal],
    "portfolio": Portfolio,
    "portfolios": list[Portfolio],
    "portfolio subscription": PortfolioSubscription,
}
