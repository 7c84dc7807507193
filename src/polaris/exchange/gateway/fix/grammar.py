"""What each message may say: its required and optional tags, its groups and the format of every value.

An order is refused rather than guessed: a tag this venue doesn't act on is not passed over, since it may have changed what the
sender meant. What the standard calls informational (HandlInst, Text, TransactTime, who sent it) is taken and not looked at.
"""

import re
from typing import Final, NamedTuple

from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import Fault, Message, nanoseconds

Entry = dict[int, str]


class Shape(NamedTuple):
    """The body of one message type."""

    required: tuple[int, ...]
    optional: frozenset[int] = frozenset()
    groups: dict[int, tuple[int, ...]] = {}  # the tag that counts: the tags of an entry, the first of which opens it


def shape(required: tuple[int, ...], *optional: int, groups: dict[int, tuple[int, ...]] | None = None) -> Shape:
    """A body's tags; those of groups beside them."""
    return Shape(required, frozenset(required) | frozenset(optional), groups or {})


HEADER: Final = frozenset(
    {w.MSG_TYPE, w.SENDER_COMP_ID, w.TARGET_COMP_ID, w.MSG_SEQ_NUM, w.SENDING_TIME, w.POSS_DUP_FLAG, w.POSS_RESEND, w.ORIG_SENDING_TIME}
    | {50, 57, 142, 143, 369}  # SenderSubID, TargetSubID, their locations, LastMsgSeqNumProcessed
)
REQUIRED_HEADER: Final = (w.MSG_TYPE, w.SENDER_COMP_ID, w.TARGET_COMP_ID, w.MSG_SEQ_NUM, w.SENDING_TIME)
WHICH_ORDER: Final = (w.ORDER_ID, w.ORIG_CL_ORD_ID)
FREE: Final = (w.TEXT, w.TRANSACT_TIME, w.HANDL_INST, w.CURRENCY, w.ACCOUNT)
INSTRUMENT_GROUP: Final = {w.NO_RELATED_SYM: (w.SYMBOL,)}
SHAPES: Final[dict[str, Shape]] = {
    w.HEARTBEAT: shape((), w.TEST_REQ_ID),
    w.TEST_REQUEST: shape((w.TEST_REQ_ID,)),
    w.RESEND_REQUEST: shape((w.BEGIN_SEQ_NO, w.END_SEQ_NO)),
    w.REJECT: shape((w.REF_SEQ_NUM,), w.REF_TAG_ID, w.REF_MSG_TYPE, w.SESSION_REJECT_REASON, w.TEXT),
    w.SEQUENCE_RESET: shape((w.NEW_SEQ_NO,), w.GAP_FILL_FLAG),
    w.LOGOUT: shape((), w.TEXT),
    w.LOGON: shape(
        (w.ENCRYPT_METHOD, w.HEART_BT_INT),
        w.RAW_DATA_LENGTH, w.RAW_DATA, w.RESET_SEQ_NUM_FLAG, w.NEXT_EXPECTED_MSG_SEQ_NUM, w.USERNAME, w.PASSWORD,
        w.CANCEL_ORDERS_ON_DISCONNECT, w.TEXT,
    ),
    w.BUSINESS_REJECT: shape((w.REF_MSG_TYPE, w.BUSINESS_REJECT_REASON), w.REF_SEQ_NUM, w.BUSINESS_REJECT_REF_ID, w.TEXT),
    w.NEW_ORDER_SINGLE: shape(
        (w.CL_ORD_ID, w.SYMBOL, w.SIDE, w.ORD_TYPE),
        w.ORDER_QTY, w.CASH_ORDER_QTY, w.PRICE, w.STOP_PX, w.TIME_IN_FORCE, w.EXPIRE_TIME, w.MAX_FLOOR, w.EXEC_INST, *FREE,
    ),
    w.ORDER_CANCEL_REQUEST: shape((w.CL_ORD_ID, w.SYMBOL, w.SIDE), *WHICH_ORDER, w.ORDER_QTY, *FREE),
    w.ORDER_CANCEL_REPLACE_REQUEST: shape(
        (w.CL_ORD_ID, w.SYMBOL, w.SIDE, w.ORDER_QTY, w.ORD_TYPE),
        *WHICH_ORDER, w.PRICE, w.STOP_PX, w.TIME_IN_FORCE, w.EXPIRE_TIME, w.MAX_FLOOR, w.EXEC_INST, *FREE,
    ),
    w.ORDER_STATUS_REQUEST: shape((w.SYMBOL, w.SIDE), w.CL_ORD_ID, w.ORDER_ID, w.ACCOUNT),
    w.ORDER_MASS_STATUS_REQUEST: shape((w.MASS_STATUS_REQ_ID, w.MASS_STATUS_REQ_TYPE), w.SYMBOL, w.SIDE, w.ACCOUNT),
    w.ORDER_MASS_CANCEL_REQUEST: shape((w.CL_ORD_ID, w.MASS_CANCEL_REQUEST_TYPE), w.SYMBOL, w.SIDE, *FREE),
    w.MARKET_DATA_REQUEST: shape(
        (w.MD_REQ_ID, w.SUBSCRIPTION_REQUEST_TYPE, w.MARKET_DEPTH),
        w.MD_UPDATE_TYPE, w.AGGREGATED_BOOK, w.NO_MD_ENTRY_TYPES, w.NO_RELATED_SYM,
        groups={w.NO_MD_ENTRY_TYPES: (w.MD_ENTRY_TYPE,), **INSTRUMENT_GROUP},
    ),
    w.SECURITY_STATUS_REQUEST: shape((w.SECURITY_STATUS_REQ_ID, w.SYMBOL, w.SUBSCRIPTION_REQUEST_TYPE)),
    w.TRADING_SESSION_STATUS_REQUEST: shape((w.TRAD_SES_REQ_ID, w.SUBSCRIPTION_REQUEST_TYPE), w.TRADING_SESSION_ID),
    w.SECURITY_LIST_REQUEST: shape((w.SECURITY_REQ_ID, w.SECURITY_LIST_REQUEST_TYPE), w.SYMBOL),
}  # fmt: skip

NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
AMOUNT: Final = re.compile(r"-?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})", re.ASCII)
WHOSE_ORDERS: Final = re.compile(r"[YSN]", re.ASCII)
YES_OR_NO: Final = re.compile(r"[YN]", re.ASCII)
WORD: Final = re.compile(r"[ -~]{1,36}", re.ASCII)
FORMATS: Final[dict[int, tuple[re.Pattern[str], str]]] = {
    **dict.fromkeys(
        (
            w.MSG_SEQ_NUM, w.BEGIN_SEQ_NO, w.END_SEQ_NO, w.NEW_SEQ_NO, w.REF_SEQ_NUM, w.HEART_BT_INT, w.ENCRYPT_METHOD, w.MARKET_DEPTH,
            w.MD_UPDATE_TYPE, w.NO_MD_ENTRY_TYPES, w.NO_RELATED_SYM, w.SECURITY_LIST_REQUEST_TYPE, w.RAW_DATA_LENGTH, w.MASS_STATUS_REQ_TYPE,
            w.NEXT_EXPECTED_MSG_SEQ_NUM, 369,
        ),
        (NUMBER, "a whole number"),
    ),
    w.CANCEL_ORDERS_ON_DISCONNECT: (WHOSE_ORDERS, "Y, S or N"),
    **dict.fromkeys((w.PRICE, w.STOP_PX, w.ORDER_QTY, w.CASH_ORDER_QTY, w.MAX_FLOOR), (AMOUNT, "a decimal number")),
    **dict.fromkeys((w.POSS_DUP_FLAG, w.POSS_RESEND, w.GAP_FILL_FLAG, w.RESET_SEQ_NUM_FLAG, w.AGGREGATED_BOOK), (YES_OR_NO, "Y or N")),
    **dict.fromkeys(
        (
            w.CL_ORD_ID, w.ORIG_CL_ORD_ID, w.MD_REQ_ID, w.SECURITY_REQ_ID, w.MASS_STATUS_REQ_ID, w.SECURITY_STATUS_REQ_ID, w.TRAD_SES_REQ_ID,
            w.SENDER_COMP_ID, w.TARGET_COMP_ID,
        ),
        (WORD, "1 to 36 printable characters"),
    ),
}  # fmt: skip
TIMES: Final = frozenset({w.SENDING_TIME, w.ORIG_SENDING_TIME, w.TRANSACT_TIME, w.EXPIRE_TIME})


def groups(message: Message, count_tag: int) -> list[Entry]:
    """The entries of a group, of a message that was examined."""
    members = SHAPES[message.kind].groups[count_tag]
    entries: list[Entry] = []
    inside = False
    for tag, value in message.fields:
        if tag == count_tag:
            inside = True
        elif inside and tag in members:
            if tag == members[0]:
                entries.append({})
            entries[-1][tag] = value
        elif inside:
            break
    return entries


def examined(message: Message) -> Fault | None:
    """What is wrong with a message inside; None where nothing is. Types without a shape here have only their header looked at."""
    if message.fault is not None:
        return message.fault
    body = SHAPES.get(message.kind)
    for tag in REQUIRED_HEADER + (body.required if body else ()):
        if tag not in message.values:
            return Fault(w.REQUIRED_TAG_MISSING, tag)
    return _fields_fault(message, body)


def _fields_fault(message: Message, body: Shape | None) -> Fault | None:
    seen: set[int] = set()
    members: tuple[int, ...]
    in_header = True
    counted, expected, members, entry = 0, 0, (), set[int]()  # the group we are in: its tag, entries to come, tags, those of this entry
    for tag, value in message.fields:
        if (fault := _value_fault(tag, value)) is not None:
            return fault
        if members and tag in members:
            if tag == members[0]:
                expected -= 1
                entry = set()
            elif not entry:
                return Fault(w.BAD_GROUP, tag)
            if tag in entry:
                return Fault(w.TAG_TWICE, tag)
            entry.add(tag)
            continue
        if members and expected:
            return Fault(w.BAD_GROUP_COUNT, counted)
        members = ()
        if tag in seen:
            return Fault(w.TAG_TWICE, tag)
        seen.add(tag)
        if tag in HEADER:
            if not in_header:
                return Fault(w.BAD_ORDER_OF_TAGS, tag)
            continue
        in_header = False
        if body is None:
            continue
        if tag not in body.optional:
            return Fault(w.TAG_NOT_FOR_THIS_TYPE if tag < 5000 else w.UNDEFINED_TAG, tag, "not taken by this venue")
        if tag in body.groups:
            counted, members, expected, entry = tag, body.groups[tag], int(value), set()
    return Fault(w.BAD_GROUP_COUNT, counted) if members and expected else None


def _value_fault(tag: int, value: str) -> Fault | None:
    if (form := FORMATS.get(tag)) is not None:
        pattern, words = form
        return None if pattern.fullmatch(value) else Fault(w.BAD_FORMAT, tag, f"not {words}")
    if tag in TIMES and nanoseconds(value) is None:
        return Fault(w.BAD_FORMAT, tag, "not a UTCTimestamp")
    return None
