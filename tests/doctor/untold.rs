//! Ways to part changes from their events: what is changed and not told, and told and not changed.

use super::breakages::Breakage;

pub const UNTOLD: &[Breakage] = &[
    (
        "an account opened without its event",
        "E1",
        1,
        "DELETE FROM events.outbox WHERE type = 'account.opened' AND aggregate_id = t.id('ann')",
    ),
    (
        "an event of another amount than was credited",
        "E1",
        2,
        r#"UPDATE events.outbox SET payload = payload || '{"amount_cents": 1}'
         WHERE type = 'wallet.credited' AND aggregate_id = t.id('ann')"#,
    ),
    (
        "a hold without its event",
        "E1",
        1,
        "INSERT INTO market.holds VALUES (t.id('h'), 'SPORT', 'curling', NULL, NULL, false, 1, 'tom', 'why', t.at(9))",
    ),
    (
        "a limit that was changed more often than it was told",
        "E1",
        1,
        "INSERT INTO betting.limits
         VALUES (t.id('l'), 'SPORT', 'curling', 'EUR', 1, NULL, NULL, 2, 'tom', 'why', t.at(9));
         INSERT INTO events.outbox
         SELECT xid8, nextval('events.outbox_identity'), NULL, gen_random_uuid(), 'limit.changed', 'limit', t.id('l'), 1,
             '{}', NULL, created_at FROM events.outbox WHERE type = 'bet.placed' AND aggregate_id = t.id('won')",
    ),
    (
        "an account's factor without its event",
        "E1",
        1,
        "INSERT INTO betting.account_factors VALUES (t.id('f'), t.id('ann'), 'curling', 10, 1, 'tom', 'why', t.at(9))",
    ),
    (
        "a cap without its event",
        "E1",
        1,
        "INSERT INTO betting.caps
         VALUES (t.id('c'), 'MARKET', uuid_send(t.id('m')), ARRAY[t.id('m')], 'EUR', 'STAKES', 9, 1, 'tom', 'why', t.at(9))",
    ),
    (
        "a producer without its event",
        "E1",
        1,
        "INSERT INTO market.producers VALUES ('uof:1', 'uof', t.id('uof'), 'UP', 'why', 1, t.id('process'), 1, 1, t.at(9))",
    ),
    ("a debit without its event", "E1", 1, "DELETE FROM events.outbox WHERE type = 'wallet.debited'"),
    ("a transfer without its event", "E1", 1, "DELETE FROM events.outbox WHERE type = 'wallet.transferred'"),
    (
        "a transfer told to have gone elsewhere",
        "E1",
        2,
        "UPDATE events.outbox SET payload = payload || jsonb_build_object('to_account_id', t.id('debt of ann'))
         WHERE type = 'wallet.transferred'",
    ),
    (
        "a transfer to another player",
        "E1",
        1,
        "UPDATE wallet.accounts SET owner_account_id = t.id('bob') WHERE id = t.id('bonus of ann')",
    ),
    (
        "a wallet without its event",
        "E1",
        1,
        "DELETE FROM events.outbox WHERE type = 'wallet.opened' AND aggregate_id = t.id('debt of ann')",
    ),
    ("an adjustment without its event", "E1", 1, "DELETE FROM events.outbox WHERE type = 'wallet.adjusted'"),
    (
        "an event of another adjustment",
        "E1",
        2,
        r#"UPDATE events.outbox SET payload = payload || '{"amount_cents": 250}' WHERE type = 'wallet.adjusted'"#,
    ),
    ("a reversal without its event", "E1", 1, "DELETE FROM events.outbox WHERE type = 'wallet.reversed'"),
    ("a reversal that is not noted", "E1", 2, "DELETE FROM wallet.reversals"),
    (
        "a posting noted as reversed that was not",
        "E1",
        1,
        "INSERT INTO wallet.reversals VALUES (t.id('deposit'), t.id('none'), 3, 'why', 'who', t.at(15))",
    ),
    ("a freeze without its event", "E1", 1, "DELETE FROM events.outbox WHERE type = 'account.frozen'"),
    (
        "an account that nobody let go",
        "E1",
        1,
        "UPDATE wallet.accounts SET status = 'ACTIVE' WHERE id = t.id('bob')",
    ),
    (
        "a bet without its event",
        "E1",
        1,
        "DELETE FROM events.outbox WHERE type = 'bet.placed' AND aggregate_id = t.id('won')",
    ),
    (
        "a bet told of twice",
        "E1",
        1,
        "INSERT INTO events.outbox
         SELECT xid8, nextval('events.outbox_identity'), cell, gen_random_uuid(), type, aggregate_type, aggregate_id,
             aggregate_version, payload, trace_id, created_at
         FROM events.outbox WHERE type = 'bet.placed' AND aggregate_id = t.id('won')",
    ),
    (
        "an event of a settlement that never was",
        "E1",
        1,
        r#"INSERT INTO events.outbox
         SELECT xid8, nextval('events.outbox_identity'), cell, gen_random_uuid(), type, aggregate_type, aggregate_id,
             aggregate_version, payload || '{"generation": 9}', trace_id, created_at
         FROM events.outbox WHERE type = 'bet.settled' AND aggregate_id = t.id('lost')"#,
    ),
    (
        "a sporting event that was renamed without a word",
        "E1",
        1,
        "UPDATE market.events SET name = 'another', version = 2 WHERE id = t.id('match')",
    ),
    (
        "a market that nobody was told of",
        "E1",
        1,
        "DELETE FROM events.outbox WHERE type = 'market.opened' AND aggregate_id = t.id('total')",
    ),
    (
        "a version without its event",
        "E1",
        1,
        "DELETE FROM events.outbox WHERE type = 'odds.updated' AND aggregate_id = t.id('total')",
    ),
    ("a result without its event", "E1", 1, "DELETE FROM events.outbox WHERE type = 'market.settled'"),
];
