"""The register's fold, compiled: commands, notes and events in; orders, trades and lists as they are then; and a row for everything that changed.

Both sides of an event are seen to, the taker's first. A change carries the order as it was right after it, so that whoever hears of
it later is told what was, not what became of it since.
"""

from polaris.domain.kernel import inlined, kernel
from polaris.domain.prefetch import prefetch
from polaris.exchange import words as w
from polaris.exchange.arena import LOW
from polaris.exchange.bits import U
from polaris.exchange.gateway import register_memory as r
from polaris.exchange.gateway.orders import (
    CANCELED,
    ENDED,
    EXPIRED,
    EXPIRED_IN_MATCH,
    FILLED,
    NAMES_LIST,
    NEW,
    OCO,
    OTO,
    OTOCO,
    PARTIALLY_FILLED,
    PENDING_NEW,
    STARTED,
    STILL_PENDING,
)
from polaris.exchange.gateway.register_changes import FEE, TRADE, TRADE_PRICE, WHAT, begin, former, image
from polaris.exchange.gateway.register_memory import account_at, drop, give, join, keep, leave, pair_at, pair_of, take
from polaris.exchange.gateway.register_tables import add_name, chain, copy_name, drop_name, find, note_hash, unchain

FAR, NEAR, NEARER = 24, 12, 6  # events ahead: where their orders are found, the orders, what lies beside those


@kernel
def fold(memory, commands, notes, events, changes):  # type: ignore[no-untyped-def]
    """Take what the core did.

    commands, notes  int64[n, 8]: COMMAND, NOTE
    events           int64[m, 12]: EVENT, of these commands
    changes          int64[2 m, CHANGE_WORDS], where they are told; of length 0 where nobody hears
    returns          how many changes there were
    """
    first = commands[0, 7] if len(commands) else 0
    heard = told = 0
    wanted = len(changes) > 0
    for at in range(len(events)):
        look_ahead(memory, notes, events, at, first)
        head = events[at, 0]
        kind, book = head & 255, head >> 32
        trade_id = 0
        if kind == w.FILL:
            place = memory[U(r.AT_TRADE_IDS)] + book
            trade_id = memory[U(place)] + 1
            memory[U(place)] = trade_id
        if not of_interest(memory, events[at, 8]):
            continue
        place = events[at, 7] - first
        while heard <= place:
            listen(memory, commands, notes, heard)
            heard += 1
        asker = commands[place, 6] & LOW
        ts, order_id = events[at, 11], events[at, 1]
        if kind == w.ACCEPTED:
            order = accept(memory, commands, notes, place, events, at)
            if wanted:
                begin(memory, changes, told, events, at, asker, kind, 0, order)
            begun(memory, order, notes[place, 7] & LOW, (commands[place, 6] >> 48) & 255, ts, changes, told)
            if wanted:
                image(memory, changes, told, order)
            told += 1
        elif kind == w.REJECTED:
            announced = find(memory, r.BY_LIST, notes[place, 7] & LOW)
            if announced != 0 and memory[U(announced + r.LIST_STATE)] == r.ANNOUNCED:
                unchain(memory, r.BY_LIST, announced)
                give(memory, r.ORDER_LISTS, announced)
            memory[U(r.EXECUTIONS)] += 1
            if wanted:
                begin(memory, changes, told, events, at, asker, kind, (head >> 8) & 255, 0)
            told += 1
        elif kind == w.FILL or kind == w.PREVENTED:
            taker, maker = alive(memory, order_id), alive(memory, events[at, 2])
            spent = False
            if kind == w.FILL:
                spent = taker != 0 and memory[U(taker + r.SHAPE)] & 255 == w.MARKET_AMOUNT and is_spent(memory, events, at)
            else:
                note_prevented(memory, ts, taker, maker, events[at, 3], events[at, 4])
            for side in range(2):
                order = maker if side else taker
                if order == 0:
                    continue
                leaves = events[at, 6] if side else (0 if spent else events[at, 5])
                memory[U(order + r.UPDATED)] = ts
                if kind == w.FILL:
                    trade(memory, order, events, at, side, trade_id)
                    memory[U(order + r.STATE)] = FILLED if leaves == 0 else PARTIALLY_FILLED
                else:
                    memory[U(order + r.PREVENTED)] += events[at, 4]
                    memory[U(order + r.PREVENTED_ID)] = memory[U(r.LAST_PREVENTED)]
                    if leaves == 0:
                        memory[U(order + r.STATE)] = EXPIRED_IN_MATCH
                memory[U(r.EXECUTIONS)] += 1
                if wanted:
                    begin(memory, changes, told, events, at, asker, kind, w.SELF_TRADE if kind == w.PREVENTED else 0, order)
                    if kind == w.FILL:
                        changes[told, WHAT] |= side << 24
                        changes[told, TRADE], changes[told, TRADE_PRICE] = trade_id, events[at, 3]
                        changes[told, FEE] = events[at, 10] if side else events[at, 9]
                    image(memory, changes, told, order)
                if leaves == 0:
                    over(memory, order, ts, changes, told)
                told += 1
        elif kind == w.CANCELLED or kind == w.EXPIRED:
            order = alive(memory, order_id)
            if order != 0:
                told = end(memory, commands, notes, place, events, at, order, changes, told)
        elif kind == w.AMENDED:
            order = alive(memory, order_id)
            if order != 0:
                memory[U(r.EXECUTIONS)] += 1
                if wanted:
                    begin(memory, changes, told, events, at, asker, kind, 0, order)
                    former(memory, changes, told, order)
                amend(memory, notes, place, events, at, order)
                if wanted:
                    image(memory, changes, told, order)
                told += 1
        elif kind == w.TRIGGERED or kind == w.ACTIVATED or kind == w.SHRUNK:
            order = alive(memory, order_id)
            if order != 0:
                memory[U(order + r.UPDATED)] = ts
                if kind == w.SHRUNK:
                    memory[U(order + r.QUANTITY)] -= events[at, 4]
                else:
                    memory[U(order + r.STATE)] = NEW
                if kind == w.TRIGGERED or (kind == w.ACTIVATED and memory[U(order + r.SHAPE)] & 255 < w.STOP):
                    memory[U(order + r.WORKING)] = ts
                memory[U(r.EXECUTIONS)] += 1
                if wanted:
                    begin(memory, changes, told, events, at, asker, kind, 0, order)
                    image(memory, changes, told, order)
                told += 1
    while heard < len(commands):
        listen(memory, commands, notes, heard)
        heard += 1
    return told


@inlined
def look_ahead(memory, notes, events, at, first):  # type: ignore[no-untyped-def]
    """Ask for what the next events will need of the memory: it is large, and waiting for it is most of a fold."""
    buckets, mask = memory[U(r.BY_ID + r.AT)], memory[U(r.BY_ID + r.MASK)]
    far = at + FAR
    if far < len(events):
        kind = events[far, 0] & 255
        prefetch(memory, buckets + (events[far, 1] & mask))
        if kind == w.ACCEPTED or kind == w.CANCELLED:
            named = note_hash(notes, events[far, 7] - first, events[far, 8] & LOW)
            prefetch(memory, memory[U(r.BY_NAME + r.AT)] + (named & memory[U(r.BY_NAME + r.MASK)]))
        else:
            prefetch(memory, buckets + (events[far, 2] & mask))
    near = at + NEAR
    if near < len(events) and events[near, 0] & 255 != w.ACCEPTED:
        order = memory[U(buckets + (events[near, 1] & mask))]
        for word in range(0, r.FORMER_ID, 8):
            prefetch(memory, order + word)
        if events[near, 0] & 255 == w.FILL:
            order = memory[U(buckets + (events[near, 2] & mask))]
            for word in range(0, r.FORMER_ID, 8):
                prefetch(memory, order + word)
    nearer = at + NEARER
    if nearer < len(events) and events[nearer, 0] & 255 != w.ACCEPTED:
        order = memory[U(buckets + (events[nearer, 1] & mask))]
        prefetch(memory, memory[U(order + r.OLDER)])
        prefetch(memory, memory[U(order + r.YOUNGER)])
        prefetch(memory, memory[U(pair_at(memory, memory[U(order + r.OWNER)]) + r.ENDED_QUEUE + r.LAST)])


@inlined
def of_interest(memory, owners):  # type: ignore[no-untyped-def]
    """Whether an event's order, or its maker's, is one that is kept."""
    accounts, account, maker = memory[U(r.ACCOUNTS)], owners & LOW, (owners >> 32) & LOW
    return (account < accounts and memory[U(account_at(account))] != 0) or (maker < accounts and memory[U(account_at(maker))] != 0)


@inlined
def alive(memory, order_id):  # type: ignore[no-untyped-def]
    """The order that lives under this number; 0: none that is kept."""
    order = find(memory, r.BY_ID, order_id)
    return order if order != 0 and memory[U(order + r.STATE)] <= PARTIALLY_FILLED else 0


@inlined
def listen(memory, commands, notes, place):  # type: ignore[no-untyped-def]
    """The counters go on; a list is announced."""
    if commands[place, 0] & 255 == w.SUBMIT:
        memory[U(r.LAST_ORDER)] = max(memory[U(r.LAST_ORDER)], commands[place, 1])
    last = notes[place, 7]
    list_id = last & LOW
    memory[U(r.LAST_LIST)] = max(memory[U(r.LAST_LIST)], list_id)
    memory[U(r.LAST_SESSION)] = max(memory[U(r.LAST_SESSION)], (notes[place, 6] >> 32) & LOW)
    if (last >> 40) & 255 == NAMES_LIST and list_id != 0 and find(memory, r.BY_LIST, list_id) == 0:
        row = new_list(memory, list_id)
        if row != 0:
            read_name(memory, row + r.LIST_NAME, notes, place)


@inlined
def read_name(memory, to, notes, place):  # type: ignore[no-untyped-def]
    """A note's client id."""
    for word in range(4):
        memory[U(to + word)] = notes[place, 2 + word]
    memory[U(to + 4)] = notes[place, 6] & LOW


@inlined
def accept(memory, commands, notes, place, events, at):  # type: ignore[no-untyped-def]
    """A new order."""
    memory[U(r.EXECUTIONS)] += 1
    order = take(memory, r.ORDERS)
    if order == 0:
        forget(memory, drop(memory, r.ORDERS, pair_of(memory, memory[U(memory[U(r.ORDERS + r.OLDEST)] + r.OWNER)]) + r.ENDED_QUEUE))
        order = take(memory, r.ORDERS)
    head, flags = commands[place, 0], (commands[place, 6] >> 40) & 255
    order_type = (head >> 8) & 255
    owner = (events[at, 8] & LOW) | (events[at, 0] >> 32 << 32)
    ts = events[at, 11]
    memory[U(order + r.KEY)] = events[at, 1]
    memory[U(order + r.OWNER)] = owner
    prevention = (commands[place, 6] >> 32) & 255
    memory[U(order + r.SHAPE)] = order_type | ((head >> 16) & 255) << 8 | ((events[at, 0] >> 24) & 255) << 16 | prevention << 24 | flags << 32
    pending = (events[at, 0] >> 16) & w.PENDING
    memory[U(order + r.STATE)] = PENDING_NEW if pending else NEW
    for word in range(4):
        memory[U(order + r.PRICE + word)] = commands[place, 2 + word]
    memory[U(order + r.CREATED)] = memory[U(order + r.UPDATED)] = ts
    memory[U(order + r.WORKING)] = ts if not pending and order_type < w.STOP else 0
    memory[U(order + r.NUMBER)] = notes[place, 1]
    memory[U(order + r.SESSION)] = (notes[place, 6] >> 32) & LOW
    read_name(memory, order + r.CLIENT_ID, notes, place)
    copy_name(memory, order + r.FIRST_ID, order + r.CLIENT_ID)
    chain(memory, r.BY_ID, order)
    add_name(memory, order, r.FIRST_CALLED)
    join(memory, account_at(owner & LOW) + r.ALIVE, order)
    return order


@inlined
def begun(memory, order, list_id, role, ts, changes, told):  # type: ignore[no-untyped-def]
    """Put a new order into its list; STARTED with the last one."""
    if list_id == 0 or role == w.ALONE or role > w.OTOCO_SECOND:
        return
    row = find(memory, r.BY_LIST, list_id)
    if row == 0:
        row = new_list(memory, list_id)
        if row == 0:
            return
    owner = memory[U(order + r.OWNER)]
    if memory[U(row + r.LIST_STATE)] == r.ANNOUNCED:
        memory[U(row + r.LIST_STATE)], memory[U(row + r.OWNER)] = r.RUNS, owner
        memory[U(row + r.KIND)] = OCO if role <= w.OCO_SECOND else OTO if role <= w.OTO_PENDING else OTOCO
        memory[U(row + r.LIST_CREATED)] = memory[U(row + r.LIST_UPDATED)] = ts
        join(memory, account_at(owner & LOW) + r.ALIVE_LISTS, row)
    legs, kind = memory[U(row + r.LEGS_COUNT)], memory[U(row + r.KIND)]
    if legs == (3 if kind == OTOCO else 2):
        return
    memory[U(row + r.LEG + legs)] = memory[U(order + r.KEY)]
    memory[U(row + r.LEGS_COUNT)] = legs + 1
    memory[U(order + r.SESSION)] |= list_id << 32
    if legs + 1 == (3 if kind == OTOCO else 2) and len(changes) > 0:
        changes[told, WHAT] |= STARTED << 16


@inlined
def new_list(memory, list_id):  # type: ignore[no-untyped-def]
    """A list that is announced; 0 where there is no room and none is over."""
    row = take(memory, r.ORDER_LISTS)
    if row == 0:
        oldest = memory[U(r.ORDER_LISTS + r.OLDEST)]
        if oldest == 0:
            return 0
        row = drop(memory, r.ORDER_LISTS, account_at(memory[U(oldest + r.OWNER)] & LOW) + r.OVER_LISTS)
        unchain(memory, r.BY_LIST, row)
        give(memory, r.ORDER_LISTS, row)
        row = take(memory, r.ORDER_LISTS)
    memory[U(row + r.KEY)] = list_id
    chain(memory, r.BY_LIST, row)
    return row


@inlined
def is_spent(memory, events, at):  # type: ignore[no-untyped-def]
    """Whether what is left of an amount after this fill buys no lot: it is filled as well as it can be."""
    for after in range(at + 1, len(events)):
        if of_interest(memory, events[after, 8]):
            return events[after, 0] & 255 == w.EXPIRED and events[after, 1] == events[at, 1] and events[after, 4] < events[at, 3]
    return False


@inlined
def trade(memory, order, events, at, maker, trade_id):  # type: ignore[no-untyped-def]
    """One side of a fill."""
    lots, price = events[at, 4], events[at, 3]
    memory[U(order + r.EXECUTED)] += lots
    memory[U(order + r.PAID)] += lots * price
    owner = memory[U(order + r.OWNER)]
    queue = pair_of(memory, owner) + r.TRADES_QUEUE
    if memory[U(queue + r.COUNT)] >= memory[U(r.HISTORY)]:
        give(memory, r.TRADES, drop(memory, r.TRADES, queue))
    row = take(memory, r.TRADES)
    if row == 0:
        oldest = memory[U(r.TRADES + r.OLDEST)]
        give(memory, r.TRADES, drop(memory, r.TRADES, pair_of(memory, memory[U(oldest + r.TRADE_OWNER)]) + r.TRADES_QUEUE))
        row = take(memory, r.TRADES)
    memory[U(row + r.TRADE_ID)], memory[U(row + r.TRADE_OF)] = trade_id, memory[U(order + r.KEY)]
    memory[U(row + r.TRADE_OWNER)] = owner
    memory[U(row + r.TRADE_SIDE)] = ((memory[U(order + r.SHAPE)] >> 16) & 255) | maker << 8
    memory[U(row + r.TRADE_PRICE)], memory[U(row + r.TRADE_LOTS)] = price, lots
    memory[U(row + r.TRADE_FEE)] = events[at, 10] if maker else events[at, 9]
    memory[U(row + r.TRADE_TS)] = events[at, 11]
    keep(memory, r.TRADES, queue, row)


@inlined
def note_prevented(memory, ts, taker, maker, price, lots):  # type: ignore[no-untyped-def]
    """A match of an account with itself that did not take place."""
    memory[U(r.LAST_PREVENTED)] += 1
    if taker == 0 or maker == 0:
        return
    queue = account_at(memory[U(taker + r.OWNER)] & LOW) + r.PREVENTED_QUEUE
    if memory[U(queue + r.COUNT)] >= memory[U(r.LISTS)]:
        give(memory, r.PREVENTIONS, drop(memory, r.PREVENTIONS, queue))
    row = take(memory, r.PREVENTIONS)
    if row == 0:
        oldest = memory[U(r.PREVENTIONS + r.OLDEST)]
        give(memory, r.PREVENTIONS, drop(memory, r.PREVENTIONS, account_at(memory[U(oldest + r.MATCH_OWNER)] & LOW) + r.PREVENTED_QUEUE))
        row = take(memory, r.PREVENTIONS)
    memory[U(row + r.MATCH_ID)] = memory[U(r.LAST_PREVENTED)]
    memory[U(row + r.MATCH_OWNER)] = (memory[U(taker + r.OWNER)] & LOW) | (memory[U(maker + r.OWNER)] >> 32 << 32)
    memory[U(row + r.MATCH_TAKER)], memory[U(row + r.MATCH_MAKER)] = memory[U(taker + r.KEY)], memory[U(maker + r.KEY)]
    memory[U(row + r.MATCH_PREVENTION)] = (memory[U(taker + r.SHAPE)] >> 24) & 255
    memory[U(row + r.MATCH_PRICE)], memory[U(row + r.MATCH_LOTS)], memory[U(row + r.MATCH_TS)] = price, lots, ts
    keep(memory, r.PREVENTIONS, queue, row)


@inlined
def end(memory, commands, notes, place, events, at, order, changes, told):  # type: ignore[no-untyped-def]
    """An order was cancelled or expired; how many changes were told."""
    kind, reason = events[at, 0] & 255, (events[at, 0] >> 8) & 255
    operation, ts = commands[place, 0] & 255, events[at, 11]
    asked = operation == w.CANCEL or operation == w.MASS_CANCEL
    cancelled = kind == w.CANCELLED or (reason == w.LINKED and asked)  # who cancels one order of a list cancels all of it
    memory[U(r.EXECUTIONS)] += 1
    wanted = len(changes) > 0
    if wanted:
        begin(memory, changes, told, events, at, commands[place, 6] & LOW, w.CANCELLED if cancelled else kind, reason, order)
        former(memory, changes, told, order)
    if cancelled:
        memory[U(order + r.STATE)] = CANCELED
        if asked and notes[place, 2] != 0:
            if memory[U(order + r.KNOWN_AS)] & (1 << r.CALLED):
                drop_name(memory, order, r.CALLED)
                copy_name(memory, order + r.FORMER_ID, order + r.CLIENT_ID)
                add_name(memory, order, r.WAS_CALLED)
            read_name(memory, order + r.CLIENT_ID, notes, place)
            add_name(memory, order, r.CALLED)
    elif reason == w.SELF_TRADE:
        memory[U(order + r.STATE)] = EXPIRED_IN_MATCH
        memory[U(order + r.PREVENTED)] += events[at, 4]
        other = alive(memory, events[at, 2])
        if (events[at, 0] >> 16) & w.CAME == 0:
            note_prevented(memory, ts, other, order, events[at, 3], events[at, 4])
        elif other != 0:  # else the other ended by it just before
            note_prevented(memory, ts, order, other, memory[U(other + r.PRICE)], events[at, 4])
        memory[U(order + r.PREVENTED_ID)] = memory[U(r.LAST_PREVENTED)]
    else:
        memory[U(order + r.SHAPE)] |= (reason | (STILL_PENDING if memory[U(order + r.STATE)] == PENDING_NEW else 0)) << 40
        memory[U(order + r.STATE)] = EXPIRED
    memory[U(order + r.UPDATED)] = ts
    if wanted:
        image(memory, changes, told, order)
    over(memory, order, ts, changes, told)
    return told + 1


@inlined
def amend(memory, notes, place, events, at, order):  # type: ignore[no-untyped-def]
    """An order has a new quantity, price or name."""
    before = memory[U(order + r.QUANTITY)]
    memory[U(order + r.QUANTITY)] = events[at, 4] + memory[U(order + r.EXECUTED)] + memory[U(order + r.PREVENTED)]
    memory[U(order + r.PRICE)], memory[U(order + r.UPDATED)] = events[at, 3], events[at, 11]
    row = take(memory, r.AMENDMENTS)
    if row != 0:
        memory[U(row)], memory[U(order + r.AMENDED)] = memory[U(order + r.AMENDED)], row
        memory[U(row + r.AMENDMENT_NUMBER)], memory[U(row + r.AMENDMENT_TS)] = memory[U(r.EXECUTIONS)], events[at, 11]
        memory[U(row + r.BEFORE)], memory[U(row + r.AFTER)] = before, memory[U(order + r.QUANTITY)]
        copy_name(memory, row + r.OLD_NAME, order + r.CLIENT_ID)
    if notes[place, 2] != 0:
        same = notes[place, 6] & LOW == memory[U(order + r.CLIENT_ID + 4)]
        for word in range(4):
            same = same and notes[place, 2 + word] == memory[U(order + r.CLIENT_ID + word)]
        if not same:
            drop_name(memory, order, r.CALLED if memory[U(order + r.KNOWN_AS)] & (1 << r.CALLED) else r.FIRST_CALLED)
            read_name(memory, order + r.CLIENT_ID, notes, place)
            add_name(memory, order, r.CALLED)
    if row != 0:
        copy_name(memory, row + r.NEW_NAME, order + r.CLIENT_ID)


@inlined
def over(memory, order, ts, changes, told):  # type: ignore[no-untyped-def]
    """An order lives no more: keep it for a while; its list may be over with it."""
    owner = memory[U(order + r.OWNER)]
    list_id = (memory[U(order + r.SESSION)] >> 32) & LOW
    leave(memory, account_at(owner & LOW) + r.ALIVE, order)
    queue = pair_of(memory, owner) + r.ENDED_QUEUE
    keep(memory, r.ORDERS, queue, order)
    if memory[U(queue + r.COUNT)] > memory[U(r.HISTORY)]:
        forget(memory, drop(memory, r.ORDERS, queue))
    if list_id == 0:
        return
    row = find(memory, r.BY_LIST, list_id)
    if row == 0 or memory[U(row + r.LIST_STATE)] != r.RUNS:
        return
    for leg in range(memory[U(row + r.LEGS_COUNT)]):
        if alive(memory, memory[U(row + r.LEG + leg)]) != 0:
            return
    memory[U(row + r.LIST_STATE)], memory[U(row + r.LIST_UPDATED)] = r.OVER, ts
    if len(changes) > 0:
        changes[told, WHAT] |= ENDED << 16
    account = account_at(owner & LOW)
    leave(memory, account + r.ALIVE_LISTS, row)
    keep(memory, r.ORDER_LISTS, account + r.OVER_LISTS, row)
    if memory[U(account + r.OVER_LISTS + r.COUNT)] > memory[U(r.LISTS)]:
        row = drop(memory, r.ORDER_LISTS, account + r.OVER_LISTS)
        unchain(memory, r.BY_LIST, row)
        give(memory, r.ORDER_LISTS, row)


@inlined
def forget(memory, order):  # type: ignore[no-untyped-def]
    """Know an order no more."""
    unchain(memory, r.BY_ID, order)
    for which in range(3):
        drop_name(memory, order, which)
    row = memory[U(order + r.AMENDED)]
    while row != 0:
        before = memory[U(row)]
        give(memory, r.AMENDMENTS, row)
        row = before
    give(memory, r.ORDERS, order)
