"""The words of FIX 4.4 spoken here: message types, tags and codes, under the names the standard gives them.

Source: FIX 4.4 with errata 20030618, volumes 1 to 3 (sessions: volume 2) and its field dictionary. Tags at 8000 and above are a
venue's own: 8013 CancelOrdersOnDisconnect means what it means at Coinbase.
"""

from typing import Final

BEGIN_STRING: Final = "FIX.4.4"
SOH: Final = "\x01"

# message types: the session's
HEARTBEAT: Final = "0"
TEST_REQUEST: Final = "1"
RESEND_REQUEST: Final = "2"
REJECT: Final = "3"
SEQUENCE_RESET: Final = "4"
LOGOUT: Final = "5"
LOGON: Final = "A"
SESSION_TYPES: Final = frozenset({HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT, LOGON})
# message types: the application's
EXECUTION_REPORT: Final = "8"
ORDER_CANCEL_REJECT: Final = "9"
NEW_ORDER_SINGLE: Final = "D"
ORDER_CANCEL_REQUEST: Final = "F"
ORDER_CANCEL_REPLACE_REQUEST: Final = "G"
ORDER_STATUS_REQUEST: Final = "H"
MARKET_DATA_REQUEST: Final = "V"
MARKET_DATA_SNAPSHOT: Final = "W"
MARKET_DATA_REFRESH: Final = "X"
MARKET_DATA_REJECT: Final = "Y"
BUSINESS_REJECT: Final = "j"
ORDER_MASS_CANCEL_REQUEST: Final = "q"
ORDER_MASS_CANCEL_REPORT: Final = "r"
ORDER_MASS_STATUS_REQUEST: Final = "AF"
SECURITY_LIST_REQUEST: Final = "x"
SECURITY_LIST: Final = "y"
SECURITY_STATUS_REQUEST: Final = "e"
SECURITY_STATUS: Final = "f"
TRADING_SESSION_STATUS_REQUEST: Final = "g"
TRADING_SESSION_STATUS: Final = "h"
MARKET_DATA_TYPES: Final = frozenset({MARKET_DATA_SNAPSHOT, MARKET_DATA_REFRESH, SECURITY_STATUS, TRADING_SESSION_STATUS})  # old when they come late
# every message type the standard has: one outside of it is unknown, one inside that we don't speak is unsupported
STANDARD_TYPES: Final = frozenset("0123456789ABCDEFGHJKLMNPQRSTVWXYZabcdefghijklmnopqrstuvwxyz") | {
    first + second for first, seconds in (("A", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), ("B", "ABCDEFGH")) for second in seconds
}

# tags
ACCOUNT: Final = 1
AVG_PX: Final = 6
BEGIN_SEQ_NO: Final = 7
BODY_LENGTH: Final = 9
CHECK_SUM: Final = 10
CL_ORD_ID: Final = 11
COMMISSION: Final = 12
COMM_TYPE: Final = 13
CUM_QTY: Final = 14
CURRENCY: Final = 15
END_SEQ_NO: Final = 16
EXEC_ID: Final = 17
EXEC_INST: Final = 18
HANDL_INST: Final = 21
LAST_PX: Final = 31
LAST_QTY: Final = 32
MSG_SEQ_NUM: Final = 34
MSG_TYPE: Final = 35
NEW_SEQ_NO: Final = 36
ORDER_ID: Final = 37
ORDER_QTY: Final = 38
ORD_STATUS: Final = 39
ORD_TYPE: Final = 40
ORIG_CL_ORD_ID: Final = 41
POSS_DUP_FLAG: Final = 43
PRICE: Final = 44
REF_SEQ_NUM: Final = 45
SENDER_COMP_ID: Final = 49
SENDING_TIME: Final = 52
SIDE: Final = 54
SYMBOL: Final = 55
TARGET_COMP_ID: Final = 56
TEXT: Final = 58
TIME_IN_FORCE: Final = 59
TRANSACT_TIME: Final = 60
RAW_DATA_LENGTH: Final = 95
RAW_DATA: Final = 96
POSS_RESEND: Final = 97
ENCRYPT_METHOD: Final = 98
STOP_PX: Final = 99
CXL_REJ_REASON: Final = 102
ORD_REJ_REASON: Final = 103
HEART_BT_INT: Final = 108
MAX_FLOOR: Final = 111
TEST_REQ_ID: Final = 112
ORIG_SENDING_TIME: Final = 122
GAP_FILL_FLAG: Final = 123
EXPIRE_TIME: Final = 126
RESET_SEQ_NUM_FLAG: Final = 141
NO_RELATED_SYM: Final = 146
EXEC_TYPE: Final = 150
LEAVES_QTY: Final = 151
CASH_ORDER_QTY: Final = 152
MD_REQ_ID: Final = 262
SUBSCRIPTION_REQUEST_TYPE: Final = 263
MARKET_DEPTH: Final = 264
MD_UPDATE_TYPE: Final = 265
AGGREGATED_BOOK: Final = 266
NO_MD_ENTRY_TYPES: Final = 267
NO_MD_ENTRIES: Final = 268
MD_ENTRY_TYPE: Final = 269
MD_ENTRY_PX: Final = 270
MD_ENTRY_SIZE: Final = 271
MD_ENTRY_DATE: Final = 272
MD_ENTRY_TIME: Final = 273
MD_ENTRY_ID: Final = 278
MD_UPDATE_ACTION: Final = 279
MD_REQ_REJ_REASON: Final = 281
SECURITY_REQ_ID: Final = 320
SECURITY_RESPONSE_ID: Final = 322
SECURITY_STATUS_REQ_ID: Final = 324
UNSOLICITED_INDICATOR: Final = 325
SECURITY_TRADING_STATUS: Final = 326
TRAD_SES_REQ_ID: Final = 335
TRADING_SESSION_ID: Final = 336
TRAD_SES_STATUS: Final = 340
REF_TAG_ID: Final = 371
REF_MSG_TYPE: Final = 372
SESSION_REJECT_REASON: Final = 373
BUSINESS_REJECT_REF_ID: Final = 379
BUSINESS_REJECT_REASON: Final = 380
TOTAL_NUM_SECURITIES: Final = 393
CXL_REJ_RESPONSE_TO: Final = 434
COMM_CURRENCY: Final = 479
MASS_CANCEL_REQUEST_TYPE: Final = 530
MASS_CANCEL_RESPONSE: Final = 531
MASS_CANCEL_REJECT_REASON: Final = 532
TOTAL_AFFECTED_ORDERS: Final = 533
USERNAME: Final = 553
PASSWORD: Final = 554
SECURITY_LIST_REQUEST_TYPE: Final = 559
SECURITY_REQUEST_RESULT: Final = 560
ROUND_LOT: Final = 561
MIN_TRADE_VOL: Final = 562
TRAD_SES_STATUS_REJ_REASON: Final = 567
MASS_STATUS_REQ_ID: Final = 584
MASS_STATUS_REQ_TYPE: Final = 585
NEXT_EXPECTED_MSG_SEQ_NUM: Final = 789
LAST_LIQUIDITY_IND: Final = 851
TOT_NUM_REPORTS: Final = 911
LAST_RPT_REQUESTED: Final = 912
CANCEL_ORDERS_ON_DISCONNECT: Final = 8013

# SessionRejectReason
INVALID_TAG: Final = 0
REQUIRED_TAG_MISSING: Final = 1
TAG_NOT_FOR_THIS_TYPE: Final = 2
UNDEFINED_TAG: Final = 3
TAG_WITHOUT_VALUE: Final = 4
VALUE_INCORRECT: Final = 5
BAD_FORMAT: Final = 6
COMP_ID_PROBLEM: Final = 9
SENDING_TIME_PROBLEM: Final = 10
INVALID_TYPE: Final = 11
TAG_TWICE: Final = 13
BAD_ORDER_OF_TAGS: Final = 14
BAD_GROUP: Final = 15
BAD_GROUP_COUNT: Final = 16
REJECT_TEXTS: Final = {
    INVALID_TAG: "Invalid tag number",
    REQUIRED_TAG_MISSING: "Required tag missing",
    TAG_NOT_FOR_THIS_TYPE: "Tag not defined for this message type",
    UNDEFINED_TAG: "Undefined tag",
    TAG_WITHOUT_VALUE: "Tag specified without a value",
    VALUE_INCORRECT: "Value is incorrect (out of range) for this tag",
    BAD_FORMAT: "Incorrect data format for value",
    COMP_ID_PROBLEM: "CompID problem",
    SENDING_TIME_PROBLEM: "SendingTime accuracy problem",
    INVALID_TYPE: "Invalid MsgType",
    TAG_TWICE: "Tag appears more than once",
    BAD_ORDER_OF_TAGS: "Tag specified out of required order",
    BAD_GROUP: "Repeating group fields out of order",
    BAD_GROUP_COUNT: "Incorrect NumInGroup count for repeating group",
}
