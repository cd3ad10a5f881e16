-- The table is the wallet. An operator may type SQL on it; the ledger writes down what happened.
SET ROLE bursar_operator;

-- An opening balance becomes an entry.
INSERT INTO public.user_credits (user_id, balance)
VALUES ('a0000000-0000-4000-8000-000000000001', 100);

-- So does an update. The row's lock is the wallet's lock: no purchase can come in between.
UPDATE public.user_credits SET balance = balance - 30
WHERE user_id = 'a0000000-0000-4000-8000-000000000001';
SELECT user_id, balance FROM public.user_credits;

RESET ROLE;
SELECT seq, amount, balance_after, verb, reason FROM bursar.statement ORDER BY seq;
SELECT reason, actor FROM bursar.transaction ORDER BY id;

-- A negative balance is refused to everybody, the superuser included.
UPDATE public.user_credits SET balance = balance - 1000000;

-- So is a change of what was written down.
DELETE FROM bursar.entry;
UPDATE bursar.transaction SET amount = 1;

-- A wallet with a balance may be deleted; what it held is written off, and the history stays.
DELETE FROM public.user_credits;
SELECT seq, amount, balance_after, reason FROM bursar.statement ORDER BY seq;

-- Whole tables of wallets are not emptied by accident.
TRUNCATE public.user_credits;

-- The operators' usual question, as it always was.
SELECT count(*) FROM public.user_credits WHERE balance < 0;
