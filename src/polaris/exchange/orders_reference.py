"""The plain order and the plain book: dataclasses and dicts of lists, for `book_reference`."""

from dataclasses import dataclass, field

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.words import BIDS, FALLING, PARKED, RISING, TICKS

MARKETS = (w.MARKET, w.MARKET_AMOUNT, w.STOP, w.TAKE_PROFIT, w.TRAILING_STOP)  # have no limit
TRAILING = (w.TRAILING_STOP, w.TRAILING_STOP_LIMIT)
STOPS = (w.STOP, w.STOP_LIMIT, *TRAILING)
WAITING = (*STOPS, w.TAKE_PROFIT, w.TAKE_PROFIT_LIMIT)  # have a trigger
MAY_REST = (w.GTC, w.POST_ONLY, w.POST_SLIDE)
NOWHERE = -1


@dataclass(eq=False)
class Order:
    """One order that lives: in the book, waiting for its trigger, parked until another fills, or on its way in."""

    order_id: int
    book: int
    side: int
    order_type: int
    time_in_force: int
    price: int
    trigger: int
    shown: int
    hidden: int
    display: int
    account: int
    prevention: int
    flags: int = 0
    ladder: int = NOWHERE
    in_hand: bool = True  # on its way into the book: it holds nothing of its account
    trail: int = 0  # above 0 ticks, below 0 basis points
    best: int = 0  # of a trailing order: the best price since it woke; 0: asleep
    ends: int = 0  # ns UTC; 0: never by itself
    partner: "Order | None" = None  # the other leg of its pair
    working: "Order | None" = None  # the order it is parked for
    pending: list["Order"] = field(default_factory=list)  # the orders parked for it

    @property
    def open(self) -> int:
        return self.shown + self.hidden

    @property
    def waits(self) -> bool:
        return self.ladder in (FALLING, RISING)

    @property
    def stands(self) -> bool:
        """Whether it holds what it could cost: in the book, waiting, or fired and not entered yet."""
        return not self.in_hand and self.ladder != PARKED

    @property
    def asleep(self) -> bool:
        """A trailing order that has not seen its activation price."""
        return self.trail != 0 and self.best == 0

    @property
    def place(self) -> int:
        """The tick it stands at."""
        return self.trigger if self.waits else self.price

    @property
    def waiting_ladder(self) -> int:
        """Where it waits for its trigger: a stop for a price against it, a take-profit or an activation price for one in its favour."""
        against = self.order_type in STOPS and (not self.asleep or bool(self.flags & w.FROM_WORSE))
        return RISING if (self.side == BUY) == against else FALLING


@dataclass(eq=False)
class Book:
    """Both sides and both sets of waiting orders: by tick, the first to come first."""

    lowest: int
    last: int = 0  # price of the last trade; 0 before the first
    phase: int = w.CONTINUOUS
    rules: list[int] = field(default_factory=lambda: [0] * w.RULES)
    band: tuple[int, int] = (0, 0)  # prices that may trade in this command
    ladders: tuple[dict[int, list[Order]], ...] = field(default_factory=lambda: ({}, {}, {}, {}))
    awake: list[Order] = field(default_factory=list)  # trailing orders that follow the price, the first to wake first

    def best(self, ladder: int) -> int | None:
        """The tick whose turn is first: the highest bid or falling trigger, the lowest ask or rising trigger."""
        ticks = self.ladders[ladder]
        if not ticks:
            return None
        return max(ticks) if ladder in (BIDS, FALLING) else min(ticks)

    def holds(self, tick: int) -> bool:
        return self.lowest <= tick < self.lowest + TICKS

    def join(self, order: Order) -> None:
        self.ladders[order.ladder].setdefault(order.place, []).append(order)

    def leave(self, order: Order) -> None:
        queue = self.ladders[order.ladder][order.place]
        queue.remove(order)
        if not queue:
            del self.ladders[order.ladder][order.place]
        if order in self.awake:
            self.awake.remove(order)

    def queue(self) -> list[Order]:
        """All orders: ladder by ladder, best tick first, first come first; those parked for an order right behind it."""
        standing = [o for ladder, ticks in enumerate(self.ladders) for tick in sorted(ticks, reverse=ladder in (BIDS, FALLING)) for o in ticks[tick]]
        return [o for order in standing for o in (order, *order.pending)]

    def reached(self, low: int, high: int) -> Order | None:
        """The order whose turn to fire is first when trades were from `low` to `high`: nearest trigger, rising before falling."""
        for ladder in (RISING, FALLING):
            tick = self.best(ladder)
            if tick is not None and (tick <= high if ladder == RISING else tick >= low):
                return self.ladders[ladder][tick][0]
        return None

    def centre(self) -> None:
        """Before a command: which prices may trade in it."""
        around = self.rules[w.REFERENCE_PRICE] or self.last
        if self.rules[w.BAND_PPM] and around:
            away = around * self.rules[w.BAND_PPM] // 1_000_000  # rounded down: never beyond the band
            self.band = around - away, around + away
        else:
            self.band = self.lowest, self.lowest + TICKS - 1

    # trailing

    def trigger_of(self, order: Order, best: int) -> int:
        """Where a trailing order's trigger is: basis points rounded up to whole ticks, away from the price; at most the book's edge."""
        distance = order.trail if order.trail > 0 else -(best * order.trail // 10_000)
        return min(best + distance, self.lowest + TICKS - 1) if order.side == BUY else max(best - distance, self.lowest)

    def wake(self, order: Order, price: int) -> None:
        """A trailing order follows the price from here on; of those that one order's trades wake the one at the best price woke first."""
        order.best, order.trigger = price, self.trigger_of(order, price)
        order.ladder = order.waiting_ladder
        self.join(order)
        behind = [o for o in self.awake if o.side == order.side and (o.best > price if order.side == BUY else o.best < price)]
        self.awake.insert(self.awake.index(behind[0]) if behind else len(self.awake), order)

    def wait(self, order: Order) -> None:
        """Let an order wait for its trigger; a trailing one wakes where its activation price was seen already."""
        order.ladder, order.in_hand = order.waiting_ladder, False
        if order.asleep and self.last and (self.last >= order.trigger if order.ladder == RISING else self.last <= order.trigger):
            self.wake(order, self.last)
        else:
            self.join(order)

    def first_trigger(self, order: Order) -> int:
        """Where an order's trigger is when it begins to wait; a better price makes a trailing one's no farther from the market."""
        if not order.trail:
            return order.trigger
        rising = (order.side == SELL) != bool(order.flags & w.FROM_WORSE)
        reached = self.last and (self.last >= order.trigger if rising else self.last <= order.trigger)
        return self.trigger_of(order, self.last if reached else order.trigger)

    def worst(self, order: Order) -> int:
        """The price beyond which an order that waits to buy at any price does not trade: as far as the band from its trigger; 0: none."""
        trigger, ppm = self.first_trigger(order), self.rules[w.BAND_PPM]
        price = trigger + trigger * ppm // 1_000_000
        return price if ppm and price < self.lowest + TICKS - 1 else 0

    def follow(self, side: int, price: int) -> None:
        """Trailing orders of a side see a price: where it is the best since they woke, their triggers follow it."""
        for order in [o for o in self.awake if o.side == side and (price < o.best if side == BUY else price > o.best)]:
            self.ladders[order.ladder][order.trigger].remove(order)
            if not self.ladders[order.ladder][order.trigger]:
                del self.ladders[order.ladder][order.trigger]
            order.best, order.trigger = price, self.trigger_of(order, price)
            self.join(order)
