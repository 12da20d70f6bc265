//! Ways to break the clean book, and what doctor must then report.

/// One way: what it is, the only invariant that is then broken, by how many things, and the statements.
pub type Breakage = (&'static str, &'static str, i64, &'static str);

pub const BREAKAGES: &[Breakage] = &[
    (
        "open bets that no exposure counts",
        "B5",
        2,
        "INSERT INTO events.checkpoints
         SELECT 'exposure', xid8, identity, 0, t.at(30) FROM events.outbox ORDER BY xid8 DESC, identity DESC LIMIT 1",
    ),
    (
        "exposure by no bet",
        "B5",
        1,
        r#"INSERT INTO betting.exposure
         SELECT t.id('ghost'), 1, jsonb_build_object('EUR', jsonb_build_object(t.id('nobody'),
             '{"stakes": 1, "payouts": 2, "multiples": 0}'::jsonb)), t.at(30)"#,
    ),
    (
        "an entry moved to another posting",
        "L1",
        2,
        "UPDATE wallet.ledger_entries SET posting_id = t.id('elsewhere') WHERE id = t.id('hold open1')",
    ),
    (
        "balances that no entry moved",
        "L2",
        2,
        "UPDATE wallet.accounts SET balance_cents = balance_cents + 1 WHERE id = t.id('ann');
         UPDATE wallet.accounts SET balance_cents = balance_cents - 1 WHERE id = t.id('house')",
    ),
    (
        "a posting in a currency that is not its accounts'",
        "L2",
        2,
        "UPDATE wallet.ledger_entries SET currency = 'USD' WHERE posting_id = t.id('deposit')",
    ),
    (
        "entries of an account that is gone",
        "L2",
        1,
        "INSERT INTO wallet.ledger_entries
         SELECT gen_random_uuid(), 3, t.id('nobody'), t.id('ghost'), n, cents, 'EUR', after, 'CREDIT', 'ADJUSTMENT',
             t.id('ghost'), t.at(20)
         FROM (VALUES (1, 5, 5), (2, -5, 0)) AS e (n, cents, after)",
    ),
    (
        "a balance below the floor",
        "L3",
        1,
        "ALTER TABLE wallet.accounts DROP CONSTRAINT accounts_balance_not_below_floor;
         UPDATE wallet.accounts SET floor_cents = balance_cents + 1 WHERE id = t.id('bob')",
    ),
    (
        "a debt that is more than repaid",
        "L3",
        1,
        "ALTER TABLE wallet.accounts DROP CONSTRAINT accounts_debt_not_above_zero;
         UPDATE wallet.accounts SET kind = 'FREE_BET' WHERE id = t.id('debt of ann');
         UPDATE wallet.accounts SET kind = 'DEBT' WHERE id = t.id('bonus of ann');
         UPDATE events.outbox SET payload = jsonb_build_object('kind',
             CASE aggregate_id WHEN t.id('bonus of ann') THEN 'DEBT' ELSE 'FREE_BET' END) WHERE type = 'wallet.opened'",
    ),
    (
        "an account that counts an entry it does not have",
        "L4",
        1,
        "UPDATE wallet.accounts SET seq = seq + 1 WHERE id = t.id('clearing')",
    ),
    (
        "a gap in the numbers",
        "L4",
        1,
        "UPDATE wallet.ledger_entries SET account_seq = 4 WHERE account_id = t.id('clearing') AND account_seq = 3;
         UPDATE wallet.accounts SET seq = 4 WHERE id = t.id('clearing')",
    ),
    (
        "a balance_after that does not follow",
        "L4",
        2,
        "UPDATE wallet.ledger_entries SET balance_after = balance_after + 1
         WHERE account_id = t.id('ann') AND account_seq = 2",
    ),
    (
        "amounts changed so that all sums agree",
        "L4",
        2,
        r#"UPDATE wallet.ledger_entries SET amount_cents = amount_cents + 1 WHERE id IN (t.id('deposit1'), t.id('deposit 22'));
         UPDATE wallet.ledger_entries SET amount_cents = amount_cents - 1 WHERE id IN (t.id('deposit2'), t.id('deposit 21'));
         UPDATE wallet.ledger_entries SET balance_after = balance_after + 1 WHERE account_id = t.id('ann');
         UPDATE wallet.ledger_entries SET balance_after = balance_after - 1 WHERE account_id = t.id('bob');
         UPDATE wallet.accounts SET balance_cents = balance_cents + 1 WHERE id = t.id('ann');
         UPDATE wallet.accounts SET balance_cents = balance_cents - 1 WHERE id = t.id('bob');
         UPDATE events.outbox SET payload = payload || '{"amount_cents": 10001}'
         WHERE payload ->> 'posting_id' = t.id('deposit')::text;
         UPDATE events.outbox SET payload = payload || '{"amount_cents": 4999}'
         WHERE payload ->> 'posting_id' = t.id('deposit 2')::text;
         UPDATE wallet.idempotency SET answer = jsonb_set(answer, '{moved,amount}', '10001') WHERE key = 'key of deposit';
         UPDATE wallet.idempotency SET answer = jsonb_set(answer, '{moved,amount}', '4999') WHERE key = 'key of deposit 2'"#,
    ),
    (
        "an account moved out of the cell of its postings",
        "L5",
        2,
        "UPDATE wallet.accounts SET cell = 4 WHERE id = t.id('clearing');
         UPDATE wallet.ledger_entries SET cell = 4 WHERE account_id = t.id('clearing')",
    ),
    (
        "one bet under two keys",
        "B1",
        1,
        "INSERT INTO wallet.idempotency
         SELECT account_id, 'again', cell, request_hash, bet_id, answer, created_at
         FROM wallet.idempotency WHERE bet_id = t.id('won')",
    ),
    ("a bet without a key", "B1", 1, "DELETE FROM wallet.idempotency WHERE bet_id = t.id('won')"),
    (
        "a key of a bet that does not exist",
        "B1",
        1,
        "INSERT INTO wallet.idempotency
         SELECT account_id, 'none', cell, request_hash, t.id('none'), answer, created_at
         FROM wallet.idempotency WHERE bet_id = t.id('won')",
    ),
    (
        "a key without bet and answer",
        "B1",
        1,
        "UPDATE wallet.idempotency SET answer = NULL WHERE key = 'refused'",
    ),
    (
        "a key with a bet and another answer",
        "B1",
        1,
        "UPDATE wallet.idempotency SET answer = '{}' WHERE bet_id = t.id('won')",
    ),
    (
        "a kept answer of a posting that does not exist",
        "B1",
        1,
        "INSERT INTO wallet.idempotency
         SELECT account_id, 'none', cell, request_hash, bet_id,
             jsonb_set(answer, '{moved,posting_id}', to_jsonb(t.wire('pst', t.id('none')))), created_at
         FROM wallet.idempotency WHERE key = 'key of deposit'",
    ),
    ("a deposit without a key", "B1", 1, "DELETE FROM wallet.idempotency WHERE key = 'key of deposit'"),
    (
        "a withdrawal under two keys",
        "B1",
        1,
        "INSERT INTO wallet.idempotency
         SELECT account_id, 'again', cell, request_hash, bet_id, answer, created_at
         FROM wallet.idempotency WHERE key = 'key of withdrawal'",
    ),
    ("a transfer without a key", "B1", 1, "DELETE FROM wallet.idempotency WHERE key = 'key of transfer'"),
    ("an adjustment without a key", "B1", 1, "DELETE FROM wallet.idempotency WHERE key = 'key of adjustment'"),
    (
        "a kept answer of another amount than was moved",
        "B1",
        1,
        "UPDATE wallet.idempotency SET answer = jsonb_set(answer, '{moved,amount}', '1000') WHERE key = 'key of withdrawal'",
    ),
    (
        "a kept answer that names no posting",
        "B1",
        2,
        r#"UPDATE wallet.idempotency SET answer = '{"moved": {"posting_id": "pst_0"}}' WHERE key = 'key of deposit'"#,
    ),
    (
        "a deposit under another account's key",
        "B1",
        2,
        "UPDATE wallet.idempotency SET account_id = t.id('bob') WHERE key = 'key of deposit'",
    ),
    ("an actor's key without an answer", "B1", 1, "UPDATE wallet.actor_idempotency SET answer = NULL"),
    (
        "an open bet whose stake is not on hold",
        "B2",
        2,
        "UPDATE betting.bets SET stake_cents = stake_cents + 1 WHERE id = t.id('open')",
    ),
    (
        "a stake held for a closed bet",
        "B2",
        2,
        "UPDATE wallet.ledger_entries SET ref_id = t.id('void') WHERE posting_id = t.id('hold open')",
    ),
    (
        "stakes that were taken from each other's accounts",
        "B2",
        2,
        "UPDATE wallet.ledger_entries SET ref_id = CASE ref_id WHEN t.id('won') THEN t.id('twin') ELSE t.id('won') END
         WHERE id IN (t.id('hold won1'), t.id('hold twin1'))",
    ),
    (
        "stakes that were held in each other's accounts",
        "B2",
        4,
        "UPDATE wallet.ledger_entries SET ref_id = CASE ref_id WHEN t.id('won') THEN t.id('twin') ELSE t.id('won') END
         WHERE id IN (t.id('hold won2'), t.id('hold twin2'))",
    ),
    (
        "returns that were paid to each other's accounts",
        "B3",
        4,
        "UPDATE wallet.ledger_entries
         SET ref_id = CASE ref_id WHEN t.id('won settled 1') THEN t.id('twin settled 1') ELSE t.id('won settled 1') END
         WHERE id IN (t.id('won settled 13'), t.id('twin settled 13'))",
    ),
    (
        "a settlement of another account's bet",
        "B3",
        3,
        "UPDATE betting.settlements SET account_id = t.id('bob') WHERE bet_id = t.id('won')",
    ),
    (
        "an accepted bet that is void and was never settled",
        "B3",
        1,
        "DELETE FROM betting.settlements WHERE bet_id = t.id('void');
         DELETE FROM events.outbox WHERE type = 'bet.settled' AND aggregate_id = t.id('void');
         UPDATE wallet.ledger_entries SET ref_type = 'BET', ref_id = t.id('void') WHERE ref_id = t.id('void settled 1');
         UPDATE betting.bets SET settlement_generation = 0, returned_cents = 0 WHERE id = t.id('void')",
    ),
    (
        "a bet that was settled and never accepted",
        "B3",
        1,
        "UPDATE betting.bets SET acceptance = 'NOT_ACCEPTED' WHERE id = t.id('void')",
    ),
    (
        "a bet that says it was paid more",
        "B3",
        1,
        "UPDATE betting.bets SET returned_cents = returned_cents + 1 WHERE id = t.id('won')",
    ),
    (
        "a bet that says another result",
        "B3",
        1,
        "UPDATE betting.bets SET result = 'PARTIAL' WHERE id = t.id('won')",
    ),
    (
        "a generation that was paid and is gone",
        "B3",
        2,
        "DELETE FROM betting.settlements WHERE bet_id = t.id('half lost') AND generation = 2;
         DELETE FROM events.outbox WHERE type = 'bet.settled' AND payload ->> 'generation' = '2'",
    ),
    (
        "a settlement that the ledger paid less for",
        "B3",
        1,
        r#"UPDATE betting.settlements SET return_cents = 2101 WHERE bet_id = t.id('won');
         UPDATE betting.bets SET returned_cents = 2101 WHERE id = t.id('won');
         UPDATE events.outbox SET payload = payload || '{"return_cents": 2101}'
         WHERE type = 'bet.settled' AND aggregate_id = t.id('won')"#,
    ),
    (
        "a price that was not on offer",
        "B4",
        1,
        "UPDATE betting.bet_legs SET price_num = 22 WHERE bet_id = t.id('won')",
    ),
    (
        "a version that never was",
        "B4",
        1,
        "UPDATE betting.bet_legs SET market_version = 9 WHERE bet_id = t.id('won')",
    ),
    (
        "a version that was suspended",
        "B4",
        1,
        "UPDATE betting.bet_legs SET market_version = 3, status_version = 2 WHERE bet_id = t.id('open') AND position = 0",
    ),
    (
        "another status version",
        "B4",
        1,
        "UPDATE betting.bet_legs SET status_version = 2 WHERE bet_id = t.id('lost')",
    ),
    (
        "a bet behind a fence that an earlier bet had passed",
        "B4",
        1,
        "UPDATE market.price_versions SET status_version = 2 WHERE market_id = t.id('winner') AND version = 2;
         UPDATE betting.bet_legs SET status_version = 2 WHERE bet_id = t.id('lost');
         UPDATE betting.bet_legs SET market_version = 2, status_version = 2, price_num = 19, price_den = 10
         WHERE bet_id = t.id('won');
         UPDATE betting.bet_legs SET market_version = 1, status_version = 1, price_num = 21, price_den = 11
         WHERE bet_id = t.id('open') AND position = 0",
    ),
    (
        "an outcome that was not on offer",
        "B4",
        1,
        "UPDATE betting.bet_legs SET outcome_id = t.id('draw') WHERE bet_id = t.id('won')",
    ),
    (
        "another line",
        "B4",
        3,
        "UPDATE betting.bet_legs SET line_quarters = 11 WHERE market_id = t.id('total')",
    ),
    (
        "no line where there was one",
        "B4",
        3,
        "UPDATE betting.bet_legs SET line_quarters = NULL WHERE market_id = t.id('total')",
    ),
    (
        "another event",
        "B4",
        1,
        "UPDATE betting.bet_legs SET event_id = t.id('cup') WHERE bet_id = t.id('won')",
    ),
    (
        "a parlay that lost a leg",
        "B4",
        1,
        "DELETE FROM betting.bet_legs WHERE bet_id = t.id('open') AND position = 1",
    ),
    (
        "a leg of no bet",
        "B4",
        1,
        "INSERT INTO betting.bet_legs
         SELECT (copy).* FROM (
             SELECT jsonb_populate_record(l, jsonb_build_object('bet_id', t.id('none'))) AS copy
             FROM betting.bet_legs l WHERE bet_id = t.id('won')
         ) AS copies",
    ),
    (
        "a version that is gone",
        "M1",
        1,
        "DELETE FROM market.price_versions WHERE market_id = t.id('winner') AND version = 3;
         DELETE FROM events.outbox
         WHERE type = 'odds.updated' AND aggregate_id = t.id('winner') AND aggregate_version = 3",
    ),
    (
        "a version of an earlier instant",
        "M1",
        1,
        "UPDATE market.price_versions SET as_of = t.at(3) WHERE market_id = t.id('winner') AND version = 4",
    ),
    (
        "a status version that went back",
        "M1",
        1,
        "UPDATE market.price_versions SET status_version = 4 WHERE market_id = t.id('winner') AND version = 3;
         UPDATE market.markets SET status_version = 3 WHERE id = t.id('winner')",
    ),
    (
        "a market whose row has another status than its last version",
        "M1",
        1,
        "UPDATE market.markets SET status = 'CLOSED' WHERE id = t.id('winner');
         UPDATE market.fences SET status = 'CLOSED' WHERE market_id = t.id('winner')",
    ),
    (
        "a fence left open in one cell",
        "M1",
        1,
        "UPDATE market.fences SET status = 'OPEN' WHERE market_id = t.id('winner') AND cell = 5",
    ),
    (
        "fences of an older status version",
        "M1",
        16,
        "UPDATE market.fences SET status_version = 2 WHERE market_id = t.id('winner')",
    ),
    ("a cell without a fence", "M1", 1, "DELETE FROM market.fences WHERE market_id = t.id('winner') AND cell = 15"),
    (
        "a fence in a cell that is none",
        "M1",
        1,
        "INSERT INTO market.fences SELECT market_id, 16, status, status_version FROM market.fences
         WHERE market_id = t.id('winner') AND cell = 0",
    ),
    (
        "a market on sale that is held as one of its sport, and an outcome that is held by itself",
        "M1",
        2,
        "INSERT INTO market.holds VALUES
             (t.id('h1'), 'SPORT', (SELECT e.sport FROM market.markets m JOIN market.events e ON e.id = m.event_id
                                    WHERE m.id = t.id('total')), NULL, 'SUSPENDED', false, 1, 'tom', 'why', t.at(9)),
             (t.id('h2'), 'OUTCOME', t.id('over')::text, t.id('total'), 'SUSPENDED', false, 1, 'tom', 'why', t.at(9)),
             (t.id('h3'), 'MARKET', t.id('total')::text, t.id('total'), NULL, false, 1, 'tom', 'let go', t.at(9)),
             (t.id('h4'), 'ALL', '', NULL, 'SUSPENDED', true, 1, 'tom', 'not followed yet', t.at(9));
         INSERT INTO events.outbox (xid8, event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, created_at)
         SELECT '1', gen_random_uuid(), 'hold.changed', 'hold', id, 1, '{}', changed_at FROM market.holds",
    ),
    (
        "a producer that is down, and its markets on sale",
        "M1",
        1,
        "INSERT INTO market.producers VALUES ('uof:1', 'uof', t.id('uof'), 'DOWN', 'why', 1, t.id('process'), 1, 1, t.at(9));
         INSERT INTO events.outbox (xid8, event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, created_at)
         VALUES ('1', gen_random_uuid(), 'producer.changed', 'producer', t.id('uof'), 1, '{}', t.at(9))",
    ),
    (
        "a market that is not at its last version",
        "M1",
        1,
        "UPDATE market.markets SET version = 5 WHERE id = t.id('winner')",
    ),
];
