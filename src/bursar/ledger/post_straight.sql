-- requires: ledger/done.sql
-- requires: ledger/lock_wallets.sql
-- The straight road: one request, a wallet that pays (`r.owner_id`), one that is paid, and nothing
-- in the way. Most purchases are that, and a lone one should not pay for what batches need. Answers
-- NULL, and has written nothing, wherever anything else is the case: a known key, too little, a
-- hold, a debt, a frozen or missing wallet. Then bursar.decide has the word; it alone knows how to
-- refuse.
CREATE OR REPLACE FUNCTION bursar.post_straight(
    p_wallets bursar.wallet_state[], r bursar.request, p_payee text, p_bucket text
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    payer bursar.wallet_state := p_wallets[1];
    payee bursar.wallet_state := p_wallets[2];
    v_now CONSTANT timestamptz := bursar.clock();
    v_id bigint;
    v_outcome jsonb;
BEGIN
    IF payer.owner_id <> r.owner_id THEN
        payer := payee;
        payee := p_wallets[1];
    END IF;
    IF (payer.owner_id = r.owner_id AND payee.owner_id = p_payee
        AND payer.status = 'open' AND payee.status = 'open'
        AND payer.held = 0 AND payer.balance >= r.amount
        AND payee.balance <= (SELECT balance_max FROM bursar.asset WHERE asset = r.asset) - r.amount
        AND NOT EXISTS (SELECT FROM bursar.idempotency WHERE claim = r.claim)
        AND NOT EXISTS (SELECT FROM bursar.wallet
            WHERE asset = r.asset || ':owed' AND owner_id = p_payee)) IS NOT TRUE
    THEN
        RETURN NULL;
    END IF;

    payer.balance := payer.balance - r.amount;
    payer.seq := payer.seq + 1;
    payee.balance := payee.balance + r.amount;
    payee.seq := payee.seq + 1;
    v_id := nextval('bursar.transaction_id_seq');
    v_outcome := bursar.done(v_id, r.verb, r.asset, r.owner_id, r.amount, payer.balance,
        payer.held, 0, r.extra);
    INSERT INTO bursar.transaction
    VALUES (v_id, r.verb, r.asset, r.owner_id, r.amount, r.reason, r.actor, r.corrects, r.hold_id,
        r.metadata, v_now);
    INSERT INTO bursar.entry
    VALUES (v_id, 1, r.asset, r.owner_id, -r.amount, payer.seq, payer.balance, 'used'),
        (v_id, 2, r.asset, p_payee, r.amount, payee.seq, payee.balance, p_bucket);
    PERFORM bursar.write_asset(r.asset, ARRAY[payer, payee]);
    IF r.claim IS NOT NULL THEN
        INSERT INTO bursar.idempotency VALUES (r.claim, r.fingerprint, v_outcome, v_now)
        ON CONFLICT (claim) DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'The claim of this request was taken meanwhile.'
                USING ERRCODE = 'UBX02';
        END IF;
    END IF;
    RETURN v_outcome;
END
$$;

COMMENT ON FUNCTION bursar.post_straight(bursar.wallet_state[], bursar.request, text, text) IS
    'Posts one payment between two wallets where nothing is in the way; NULL where something is.';
REVOKE ALL ON FUNCTION bursar.post_straight(bursar.wallet_state[], bursar.request, text, text)
    FROM PUBLIC, anon, authenticated;
