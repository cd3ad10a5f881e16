"""A plain ledger in memory: what the kernel must answer, worked out one request at a time.

It knows nothing of locks, batches or SQL. Lapsed holds are gone the moment the clock passes them.
"""

from dataclasses import dataclass, field, replace

from tests.oracle_words import (
    FORGOTTEN,
    WORDING,
    Answer,
    Charge,
    Hold,
    RefusedError,
    Request,
    Reward,
    Wallet,
    malformed_field,
)


@dataclass(slots=True)
class Oracle:
    """All there is, by the ids that the ledger gave."""

    now: int = 0
    wallets: dict[tuple[str, str], Wallet] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    charges: dict[int, Charge] = field(default_factory=dict)
    rewards: dict[str, Reward] = field(default_factory=dict)
    collected: set[tuple[str, str]] = field(default_factory=set)
    keys: dict[tuple[str, ...], tuple[Request, Answer]] = field(default_factory=dict)
    externals: dict[tuple[str, ...], tuple[Request, Answer]] = field(default_factory=dict)
    open_holds: list[Hold] = field(default_factory=list)

    def wallet(self, asset: str, owner_id: str) -> Wallet:
        return self.wallets.setdefault((asset, owner_id), Wallet())

    def learn(self, answer: Answer, transaction_id: int, hold_id: int | None) -> None:
        """Take the ids that the ledger gave to what it did."""
        if answer.made is not None:
            self.charges[transaction_id] = answer.made
        if answer.hold is not None and hold_id is not None:
            self.holds[hold_id] = answer.hold

    def advance(self, seconds: int) -> None:
        self.now += seconds
        for hold in self.open_holds:
            if hold.expires_at <= self.now and hold.left:
                self.wallet(hold.asset, hold.owner_id).held -= hold.left
                hold.left = 0
        self.open_holds = [hold for hold in self.open_holds if hold.left]

    def ask(self, request: Request) -> Answer:
        """Carry out one request, or refuse it and change nothing."""
        wrong = malformed_field(request)
        if wrong is not None:
            return Answer("MALFORMED", malformed=wrong)
        caller = request.get("caller", {"role": "service_role"})
        if caller["role"] != "service_role" and caller.get("sub") != request["collector_id"]:
            return Answer("NOT_AUTHORIZED")
        effect = {name: value for name, value in request.items() if name not in WORDING}
        owner_id = self._owner_of(request)
        key = request.get("key")
        claim = (
            None
            if key is None or owner_id is None
            else (owner_id, request.get("principal", "service"), request["verb"], key)
        )
        if claim in self.keys:
            return _again(self.keys[claim], effect)
        external = request.get("external")
        event = (
            None
            if external is None
            else tuple(external[part] for part in ("provider", "account", "mode", "id"))
        )
        if event in self.externals and self.externals[event][0] == effect:
            return _again(self.externals[event], effect)
        try:
            if event in self.externals:
                raise RefusedError("EXTERNAL_ID_TAKEN")
            answer: Answer = getattr(self, f"_{request['verb']}")(request)
        except RefusedError as refusal:
            answer = Answer(str(refusal))
        if claim is not None and answer.code not in FORGOTTEN:
            self.keys[claim] = effect, answer
        if event is not None and answer.code is None:
            self.externals[event] = effect, answer
        return answer

    def _owner_of(self, request: Request) -> str | None:
        if "hold_id" in request:
            hold = self.holds.get(request["hold_id"])
            return None if hold is None else hold.owner_id
        if "transaction_id" in request:
            charge = self.charges.get(request["transaction_id"])
            return None if charge is None else charge.owner_id
        owner_id: str = request.get("collector_id") or request["owner_id"]
        return owner_id

    # Moving amounts. `_may_…` raises and changes nothing; the rest changes and cannot fail.

    def _not_closed(self, asset: str, *owner_ids: str | None) -> None:
        if any(o is not None and self.wallet(asset, o).status == "closed" for o in owner_ids):
            raise RefusedError("WALLET_CLOSED")

    def _may_pay(self, asset: str, owner_id: str, amount: int) -> None:
        wallet = self.wallet(asset, owner_id)
        if wallet.status == "frozen":
            raise RefusedError("WALLET_FROZEN")
        if amount > wallet.balance - wallet.held:
            raise RefusedError("INSUFFICIENT_FUNDS")

    def _credit(self, asset: str, owner_id: str, amount: int) -> None:
        wallet = self.wallet(asset, owner_id)
        repaid = min(wallet.owed, amount)
        wallet.owed -= repaid
        wallet.balance += amount - repaid
        wallet.exists = True

    def _debit(self, asset: str, owner_id: str, amount: int) -> None:
        """Take what is available; the rest is owed from now on."""
        wallet = self.wallet(asset, owner_id)
        taken = min(amount, wallet.balance - wallet.held)
        wallet.balance -= taken
        wallet.owed += amount - taken
        wallet.exists = True

    def _done(
        self,
        request: Request,
        asset: str,
        owner_id: str,
        amount: int,
        payee: str | None = None,
        hold: Hold | None = None,
    ) -> Answer:
        wallet = self.wallet(asset, owner_id)
        made = Charge(request["verb"], asset, owner_id, payee, amount)
        return Answer(None, amount, wallet.balance, wallet.held, wallet.owed, made=made, hold=hold)

    def _grant(self, q: Request) -> Answer:
        self._not_closed(q["asset"], q["owner_id"])
        self._credit(q["asset"], q["owner_id"], q["amount"])
        return self._done(q, q["asset"], q["owner_id"], q["amount"])

    def _spend(self, q: Request) -> Answer:
        self._not_closed(q["asset"], q["owner_id"])
        self._may_pay(q["asset"], q["owner_id"], q["amount"])
        self._debit(q["asset"], q["owner_id"], q["amount"])
        return self._done(q, q["asset"], q["owner_id"], q["amount"])

    def _transfer(self, q: Request) -> Answer:
        if q["owner_id"] == q["to_owner_id"]:
            raise RefusedError("SELF_TRANSFER")
        self._not_closed(q["asset"], q["owner_id"], q["to_owner_id"])
        self._may_pay(q["asset"], q["owner_id"], q["amount"])
        self._debit(q["asset"], q["owner_id"], q["amount"])
        self._credit(q["asset"], q["to_owner_id"], q["amount"])
        return self._done(q, q["asset"], q["owner_id"], q["amount"], q["to_owner_id"])

    def _adjust(self, q: Request) -> Answer:
        self._not_closed(q["asset"], q["owner_id"])
        if q["amount"] > 0:
            self._credit(q["asset"], q["owner_id"], q["amount"])
        else:
            if q.get("shortfall") != "debt":
                self._may_pay(q["asset"], q["owner_id"], -q["amount"])
            self._debit(q["asset"], q["owner_id"], -q["amount"])
        return self._done(q, q["asset"], q["owner_id"], q["amount"])

    def _freeze(self, q: Request) -> Answer:
        wallet = self.wallet(q["asset"], q["owner_id"])
        if not wallet.exists:
            raise RefusedError("WALLET_NOT_FOUND")
        if q["wallet_status"] == "closed" and (wallet.balance or wallet.owed):
            raise RefusedError("WALLET_NOT_EMPTY")
        wallet.status = q["wallet_status"]
        return self._done(q, q["asset"], q["owner_id"], 0)

    def _hold(self, q: Request) -> Answer:
        self._not_closed(q["asset"], q["owner_id"])
        self._may_pay(q["asset"], q["owner_id"], q["amount"])
        self.wallet(q["asset"], q["owner_id"]).held += q["amount"]
        lapses = self.now + q.get("expires_in_seconds", 3600)
        hold = Hold(q["asset"], q["owner_id"], q["amount"], lapses)
        self.open_holds.append(hold)
        return self._done(q, q["asset"], q["owner_id"], q["amount"], hold=hold)

    def _hold_of(self, q: Request) -> Hold:
        hold = self.holds.get(q["hold_id"])
        if hold is None:
            raise RefusedError("HOLD_NOT_FOUND")
        return hold

    def _capture(self, q: Request) -> Answer:
        hold = self._hold_of(q)
        payee = q.get("to_owner_id")
        if payee == hold.owner_id:
            raise RefusedError("SELF_TRANSFER")
        if hold.left == 0:
            raise RefusedError("HOLD_ENDED")
        amount = q.get("amount", hold.left)
        over_run = q.get("over_run", "reject")
        if amount > hold.left and over_run == "reject":
            raise RefusedError("HOLD_EXCEEDED")
        if over_run == "cap":
            amount = min(amount, hold.left)
        self._not_closed(hold.asset, hold.owner_id, payee)
        freed = hold.left if q.get("final", True) else min(amount, hold.left)
        hold.left -= freed
        wallet = self.wallet(hold.asset, hold.owner_id)
        wallet.held -= freed
        self._debit(hold.asset, hold.owner_id, amount)
        if payee is not None:
            self._credit(hold.asset, payee, amount)
        return self._done(q, hold.asset, hold.owner_id, amount, payee)

    def _release(self, q: Request) -> Answer:
        hold = self._hold_of(q)
        if hold.left == 0:
            raise RefusedError("HOLD_ENDED")
        amount = q.get("amount", hold.left)
        if amount > hold.left:
            raise RefusedError("HOLD_EXCEEDED")
        hold.left -= amount
        self.wallet(hold.asset, hold.owner_id).held -= amount
        return self._done(q, hold.asset, hold.owner_id, amount)

    def _refund(self, q: Request) -> Answer:
        charge = self.charges.get(q["transaction_id"])
        if charge is None:
            raise RefusedError("TRANSACTION_NOT_FOUND")
        if charge.verb not in ("grant", "spend", "transfer", "capture", "purchase_reward"):
            raise RefusedError("NOT_REFUNDABLE")
        left = charge.amount - charge.refunded
        amount = q.get("amount", left)
        if amount > left or left == 0:
            raise RefusedError("REFUND_EXCEEDED")
        self._not_closed(charge.asset, charge.owner_id, charge.payee)
        charge.refunded += amount
        if charge.verb == "grant":
            self._debit(charge.asset, charge.owner_id, amount)
        else:
            self._credit(charge.asset, charge.owner_id, amount)
            if charge.payee is not None:
                self._debit(charge.asset, charge.payee, amount)
        return self._done(q, charge.asset, charge.owner_id, amount)

    def _purchase_reward(self, q: Request) -> Answer:
        buyer, reward = q["collector_id"], self.rewards.get(q["reward_id"])
        if reward is None:
            raise RefusedError("REWARD_NOT_FOUND")
        if reward.creator_id == buyer:
            raise RefusedError("SELF_PURCHASE")
        if (buyer, q["reward_id"]) in self.collected:
            raise RefusedError("ALREADY_COLLECTED")
        if not reward.is_active:
            raise RefusedError("REWARD_INACTIVE")
        if q.get("expected_price", reward.cost) != reward.cost:
            raise RefusedError("PRICE_CHANGED")
        self._not_closed("credit", buyer, reward.creator_id)
        self._may_pay("credit", buyer, reward.cost)
        self._debit("credit", buyer, reward.cost)
        self._credit("credit", reward.creator_id, reward.cost)
        self.collected.add((buyer, q["reward_id"]))
        return self._done(q, "credit", buyer, reward.cost, reward.creator_id)


def _again(first: tuple[Request, Answer], effect: Request) -> Answer:
    """The first outcome again, or a mismatch."""
    if first[0] != effect:
        return Answer("IDEMPOTENCY_MISMATCH")
    return replace(first[1], replayed=True, made=None, hold=None)
