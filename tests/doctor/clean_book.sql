-- A small book in which everything is right: two players, two markets, bets in every state, one settled
-- twice, and two that differ in nothing but their players.
-- Ids are the MD5 of a name, so that what breaks the book can name what it breaks.
CREATE SCHEMA t;

CREATE FUNCTION t.id(name text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(name)::uuid $$;

-- Minutes after the book's first moment.
CREATE FUNCTION t.at(minutes integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT '2026-11-23T12:00:00Z'::timestamptz + make_interval(mins => minutes)
$$;

CREATE FUNCTION t.open(name text, of_kind text, of_user text, owner text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO wallet.accounts (id, cell, user_id, owner_account_id, kind, currency, floor_cents, created_at)
    VALUES (t.id(name), 3, t.id(of_user), t.id(owner), of_kind, 'EUR', CASE WHEN of_user IS NOT NULL THEN 0 END, t.at(0))
$$;

CREATE FUNCTION t.tell(type text, aggregate text, of text, version bigint, payload jsonb, minutes integer)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO events.outbox (event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, created_at)
    VALUES (gen_random_uuid(), type, of, t.id(aggregate), version, payload, t.at(minutes))
$$;

-- A cap of 9 on the stakes of the market m, told in the transaction of the bet `won`.
CREATE FUNCTION t.cap() RETURNS void LANGUAGE sql AS $$
    INSERT INTO betting.caps
    VALUES (t.id('c'), 'MARKET', uuid_send(t.id('m')), ARRAY[t.id('m')], 'EUR', 'STAKES', 9, 1, 'tom', 'why', t.at(9));
    INSERT INTO events.outbox
    SELECT xid8, nextval('events.outbox_identity'), NULL, gen_random_uuid(), 'cap.changed', 'cap', t.id('c'), 1,
        '{}', NULL, created_at FROM events.outbox WHERE type = 'bet.placed' AND aggregate_id = t.id('won')
$$;

-- An id as it is on the wire.
CREATE FUNCTION t.wire(prefix text, id uuid) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    value numeric := 0;
    digits text := '';
BEGIN
    FOR i IN 0 .. 15 LOOP
        value := value * 256 + get_byte(uuid_send(id), i);
    END LOOP;
    FOR i IN 1 .. 22 LOOP
        digits := substr('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz', (value % 58)::integer + 1, 1) || digits;
        value := div(value, 58);
    END LOOP;
    RETURN prefix || '_' || digits;
END $$;

-- A posting: its entries as [account, type, cents] each.
CREATE FUNCTION t.post(name text, of_ref text, ref text, minutes integer, VARIADIC entries text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    rows wallet.ledger_entries[] := '{}';
    i integer;
    after record;
BEGIN
    FOR i IN 1 .. cardinality(entries) / 3 LOOP
        UPDATE wallet.accounts SET balance_cents = balance_cents + entries[3 * i]::bigint, seq = seq + 1
        WHERE id = t.id(entries[3 * i - 2]) RETURNING id, seq, balance_cents INTO STRICT after;
        rows := rows || ROW(t.id(name || i), 3, after.id, t.id(name), after.seq, entries[3 * i]::bigint, 'EUR',
            after.balance_cents, entries[3 * i - 1], of_ref, t.id(ref), t.at(minutes))::wallet.ledger_entries;
    END LOOP;
    INSERT INTO wallet.ledger_entries SELECT * FROM unnest(rows);
END $$;

-- A deposit or withdrawal of a player, with its key and its event.
CREATE FUNCTION t.move(name text, player text, cents bigint, minutes integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    entry_type text := CASE WHEN cents > 0 THEN 'CREDIT' ELSE 'DEBIT' END;
    of_ref text := CASE WHEN cents > 0 THEN 'DEPOSIT' ELSE 'WITHDRAWAL' END;
BEGIN
    PERFORM t.post(name, of_ref, name, minutes, player, entry_type, cents::text,
        'clearing', CASE WHEN cents > 0 THEN 'DEBIT' ELSE 'CREDIT' END, (-cents)::text);
    PERFORM t.tell(CASE WHEN cents > 0 THEN 'wallet.credited' ELSE 'wallet.debited' END, player, 'account', seq,
        jsonb_build_object('posting_id', t.id(name), 'amount_cents', abs(cents)), minutes)
    FROM wallet.accounts WHERE id = t.id(player);
    INSERT INTO wallet.idempotency (account_id, key, cell, request_hash, answer, created_at)
    VALUES (t.id(player), 'key of ' || name, 3, decode(repeat('ba', 32), 'hex'), jsonb_build_object('moved', jsonb_build_object(
        'posting_id', t.wire('pst', t.id(name)), 'account_id', t.wire('acct', t.id(player)), 'amount', cents)), t.at(minutes));
END $$;

-- What an operator did by hand to a player's balance, with its key and its event.
CREATE FUNCTION t.by_hand(name text, of_ref text, ref text, player text, cents bigint, event text, more jsonb, minutes integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.post(name, of_ref, ref, minutes, player, CASE WHEN cents > 0 THEN 'CREDIT' ELSE 'DEBIT' END, cents::text,
        'house', CASE WHEN cents > 0 THEN 'DEBIT' ELSE 'CREDIT' END, (-cents)::text);
    PERFORM t.tell(event, player, 'account', seq,
        jsonb_build_object('posting_id', t.id(name), 'amount_cents', cents) || more, minutes)
    FROM wallet.accounts WHERE id = t.id(player);
    INSERT INTO wallet.idempotency (account_id, key, cell, request_hash, answer, created_at)
    VALUES (t.id(player), 'key of ' || name, 3, decode(repeat('bc', 32), 'hex'), jsonb_build_object('moved', jsonb_build_object(
        'posting_id', t.wire('pst', t.id(name)), 'account_id', t.wire('acct', t.id(player)), 'amount', cents)), t.at(minutes));
END $$;

CREATE FUNCTION t.bet(bet text, account text, of_kind text, stake bigint, legs text[], minutes integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i integer;
BEGIN
    INSERT INTO wallet.idempotency (account_id, key, cell, request_hash, bet_id, created_at)
    VALUES (t.id(account), 'key of ' || bet, 3, decode(repeat('ab', 32), 'hex'), t.id(bet), t.at(minutes));
    INSERT INTO betting.bets (id, cell, account_id, stake_cents, currency, potential_payout_cents, status, acceptance,
        kind, price_policy, void_policy, rules_version, bet_delay_ms, accepted_at, created_at)
    VALUES (t.id(bet), 3, t.id(account), stake, 'EUR', 2 * stake, 'PENDING', 'ACCEPTED',
        of_kind, 'NONE', 'LEG', 1, 0, t.at(minutes), t.at(minutes));
    FOR i IN 1 .. cardinality(legs) / 3 LOOP
        INSERT INTO betting.bet_legs (id, cell, bet_id, account_id, position, event_id, market_id, outcome_id, price_num,
            price_den, leg_type, line_quarters, market_version, status_version, created_at)
        SELECT t.id(bet || i), 3, t.id(bet), t.id(account), i - 1, m.event_id, m.id, t.id(legs[3 * i - 1]),
            (v.prices -> t.id(legs[3 * i - 1])::text ->> 'num')::integer,
            (v.prices -> t.id(legs[3 * i - 1])::text ->> 'den')::integer, 'STRAIGHT',
            (v.prices -> t.id(legs[3 * i - 1])::text ->> 'line_quarters')::integer,
            v.version, v.status_version, t.at(minutes)
        FROM market.price_versions v JOIN market.markets m ON m.id = v.market_id
        WHERE v.market_id = t.id(legs[3 * i - 2]) AND v.version = legs[3 * i]::bigint;
    END LOOP;
    PERFORM t.post('hold ' || bet, 'BET', bet, minutes,
        account, 'HOLD', (-stake)::text, 'hold of ' || account, 'HOLD', stake::text);
    PERFORM t.tell('bet.placed', bet, 'bet', 1, jsonb_build_object('bet_id', t.id(bet)), minutes);
END $$;

-- Generation 1 takes the stake off hold; a later one posts the difference to what was paid.
CREATE FUNCTION t.settle(bet_name text, generation integer, of_status text, of_result text, returned bigint, minutes integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    bet betting.bets;
    player text;
    ref text := bet_name || ' settled ' || generation;
    kept bigint;
BEGIN
    SELECT * INTO STRICT bet FROM betting.bets WHERE id = t.id(bet_name);
    SELECT p INTO STRICT player FROM unnest(ARRAY['ann', 'bob']) p WHERE t.id(p) = bet.account_id;
    INSERT INTO betting.settlements (id, cell, bet_id, account_id, generation, status, result, return_cents, certainty, source, created_at)
    VALUES (t.id(ref), 3, bet.id, bet.account_id, generation, of_status, of_result, returned, 2, 'test', t.at(minutes));
    kept := least(returned, bet.stake_cents);
    IF generation > 1 THEN
        PERFORM t.post(ref, 'SETTLEMENT', ref, minutes,
            player, 'CREDIT', (returned - bet.returned_cents)::text, 'house', 'DEBIT', (bet.returned_cents - returned)::text);
    ELSIF returned >= bet.stake_cents THEN
        PERFORM t.post(ref, 'SETTLEMENT', ref, minutes,
            VARIADIC ARRAY['hold of ' || player, 'RELEASE', (-kept)::text, player, 'RELEASE', kept::text]
            || CASE WHEN returned > kept THEN
                ARRAY[player, 'CREDIT', (returned - kept)::text, 'house', 'DEBIT', (kept - returned)::text] END);
    ELSE
        PERFORM t.post(ref, 'SETTLEMENT', ref, minutes,
            VARIADIC ARRAY['hold of ' || player, 'DEBIT', (returned - bet.stake_cents)::text,
                'house', 'CREDIT', (bet.stake_cents - returned)::text]
            || CASE WHEN kept > 0 THEN
                ARRAY['hold of ' || player, 'RELEASE', (-kept)::text, player, 'RELEASE', kept::text] END);
    END IF;
    UPDATE betting.bets SET status = of_status, result = of_result, returned_cents = returned,
        settlement_generation = generation, version = version + 1, settled_at = t.at(minutes) WHERE id = bet.id;
    PERFORM t.tell('bet.settled', bet_name, 'bet', generation + 1,
        jsonb_build_object('generation', generation, 'return_cents', returned), minutes);
END $$;

CREATE FUNCTION t.version(market text, number bigint, of_status_version bigint, of_status text, prices jsonb, minutes integer)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO market.price_versions VALUES
        (t.id(market), number, of_status_version, of_status, false, 0, prices, '[]', t.at(minutes), 'test');
    UPDATE market.markets SET version = number, status_version = of_status_version, status = of_status WHERE id = t.id(market);
    INSERT INTO market.fences SELECT t.id(market), cell, of_status, of_status_version FROM wallet.house, generate_series(0, cells - 1) AS cell
    ON CONFLICT (market_id, cell) DO UPDATE SET status = excluded.status, status_version = excluded.status_version;
    SELECT t.tell('odds.updated', market, 'market', number, jsonb_build_object('version', number), minutes);
$$;

-- {"<outcome>": {num, den}} from outcome, num, den...
CREATE FUNCTION t.prices(VARIADIC terms text[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(t.id(terms[3 * i - 2]), jsonb_build_object('num', terms[3 * i - 1]::integer, 'den', terms[3 * i]::integer))
    FROM generate_series(1, cardinality(terms) / 3) AS i
$$;

SELECT t.open('house', 'HOUSE', NULL, NULL);
SELECT t.open('clearing', 'PSP_CLEARING', NULL, NULL);
SELECT t.open(player, 'PLAYER', 'user ' || player, NULL) FROM unnest(ARRAY['ann', 'bob']) AS player;
SELECT t.open('hold of ' || player, 'HOLD', 'user ' || player, player) FROM unnest(ARRAY['ann', 'bob']) AS player;
SELECT t.tell('account.opened', player, 'account', 0, '{}', 0) FROM unnest(ARRAY['ann', 'bob']) AS player;

SELECT t.move('deposit', 'ann', 10000, 1);
SELECT t.move('deposit 2', 'bob', 5000, 1);
SELECT t.move('withdrawal', 'ann', -1000, 2);
INSERT INTO wallet.idempotency (account_id, key, cell, request_hash, answer, created_at)
VALUES (t.id('ann'), 'refused', 3, decode(repeat('cd', 32), 'hex'), '{"refused": {"refusal": {"code": "PRICE_CHANGED"}, "trace_id": "t"}}', t.at(2));
INSERT INTO wallet.actor_idempotency (actor, key, request_hash, answer, created_at)
VALUES ('trader', 'suspended', decode(repeat('ef', 32), 'hex'), '{}', t.at(2));

INSERT INTO market.events (id, source, source_key, name, sport, created_at)
SELECT t.id(e), 'test', e, e, 'tennis', t.at(0) FROM unnest(ARRAY['match', 'cup']) AS e;
INSERT INTO market.markets (id, event_id, producer, source, source_key, market_type, name, kind, number_of_winners, tie_rule,
    rules_version, source_status, status, in_play, bet_delay_ms, version, status_version, created_at)
SELECT t.id(m.name), t.id(m.event), 'test', 'test', m.name, 'TEST', m.name, m.kind, m.winners, 'PUSH', 1, 'OPEN', 'OPEN', false, 0, 0, 0, t.at(0)
FROM (VALUES ('winner', 'match', 'ODDS', 1), ('total', 'cup', 'LINE', 0)) AS m (name, event, kind, winners);
SELECT t.tell('event.changed', name, 'event', 1, '{}', 0) FROM market.events;
SELECT t.tell('market.opened', name, 'market', 1, '{}', 0) FROM market.markets;
SELECT t.version('winner', 1, 1, 'OPEN', t.prices('home', '21', '11', 'away', '2', '1'), 3);
SELECT t.version('winner', 2, 1, 'OPEN', t.prices('home', '19', '10', 'away', '21', '10'), 4);
SELECT t.version('total', 1, 1, 'OPEN', jsonb_build_object(t.id('over'), '{"num": 2, "den": 1, "line_quarters": 10}'::jsonb), 4);

SELECT t.bet('won', 'ann', 'SINGLE', 1100, ARRAY['winner', 'home', '1'], 5);
SELECT t.bet('twin', 'bob', 'SINGLE', 1100, ARRAY['winner', 'home', '1'], 5);
SELECT t.bet('lost', 'bob', 'SINGLE', 500, ARRAY['winner', 'away', '2'], 5);
SELECT t.bet('half lost', 'bob', 'SINGLE', 600, ARRAY['total', 'over', '1'], 6);
SELECT t.bet('void', 'ann', 'SINGLE', 700, ARRAY['total', 'over', '1'], 6);
SELECT t.bet('open', 'ann', 'PARLAY', 900, ARRAY['winner', 'home', '2', 'total', 'over', '1'], 7);
SELECT t.version('winner', 3, 2, 'SUSPENDED', '{}', 8);
SELECT t.version('winner', 4, 3, 'SETTLED', '{}', 9);
INSERT INTO market.results (market_id, generation, outcomes, certainty, source, created_at)
VALUES (t.id('winner'), 1, '{}', 2, 'test', t.at(9));
SELECT t.tell('market.settled', 'winner', 'market', 4, '{"generation": 1}', 9);
SELECT t.settle('won', 1, 'SETTLED', 'WON', 2100, 10);
SELECT t.settle('twin', 1, 'SETTLED', 'WON', 2100, 10);
SELECT t.settle('lost', 1, 'SETTLED', 'LOST', 0, 10);
SELECT t.settle('half lost', 1, 'SETTLED', 'HALF_LOST', 300, 11);
SELECT t.settle('half lost', 2, 'SETTLED', 'PUSHED', 600, 12);
SELECT t.settle('void', 1, 'VOID', NULL, 700, 12);

SELECT t.by_hand('adjustment', 'ADJUSTMENT', 'adjustment', 'bob', -250, 'wallet.adjusted', '{}', 13);
SELECT t.by_hand('reversal', 'REVERSAL', 'adjustment', 'bob', 250, 'wallet.reversed',
    jsonb_build_object('reversed_posting_id', t.id('adjustment')), 14);
INSERT INTO wallet.reversals (posting_id, reversed_by, cell, reason, author, created_at)
VALUES (t.id('adjustment'), t.id('reversal'), 3, 'it was right before', 'finance', t.at(14));

SELECT t.open('bonus of ann', 'BONUS', 'user ann', 'ann');
SELECT t.open('debt of ann', 'DEBT', 'user ann', 'ann');
SELECT t.tell('wallet.opened', w.name, 'account', 0, jsonb_build_object('kind', w.kind), 14)
FROM (VALUES ('bonus of ann', 'BONUS'), ('debt of ann', 'DEBT')) AS w (name, kind);
SELECT t.post('transfer', 'TRANSFER', 'transfer', 15, 'ann', 'DEBIT', '-300', 'bonus of ann', 'CREDIT', '300');
SELECT t.tell('wallet.transferred', 'ann', 'account', seq, jsonb_build_object(
    'posting_id', t.id('transfer'), 'amount_cents', 300, 'to_account_id', t.id('bonus of ann')), 15)
FROM wallet.accounts WHERE id = t.id('ann');
INSERT INTO wallet.idempotency (account_id, key, cell, request_hash, answer, created_at)
VALUES (t.id('ann'), 'key of transfer', 3, decode(repeat('bd', 32), 'hex'), jsonb_build_object('moved', jsonb_build_object(
    'posting_id', t.wire('pst', t.id('transfer')), 'account_id', t.wire('acct', t.id('ann')), 'amount', -300)), t.at(15));

INSERT INTO wallet.freezes (account_id, version, cell, act, way, status, reason, author, created_at) VALUES
    (t.id('bob'), 1, 3, 'FREEZE', 'BOTH', 'FROZEN', 'to be checked', 'support', t.at(15)),
    (t.id('bob'), 2, 3, 'UNFREEZE', 'CREDIT', 'DEBIT_FROZEN', 'checked in part', 'support', t.at(16));
UPDATE wallet.accounts SET status = 'DEBIT_FROZEN' WHERE id = t.id('bob');
SELECT t.tell('account.frozen', 'bob', 'account_status', 1, '{"status": "FROZEN"}', 15);
SELECT t.tell('account.unfrozen', 'bob', 'account_status', 2, '{"status": "DEBIT_FROZEN"}', 16);
