-- Each key against what it did: it names one bet that exists or has an answer, never both; each bet was
-- placed under one key; and each posting made by hand is what one kept answer says was moved.
WITH keys AS (
    SELECT account_id, cell, bet_id, min(key) AS key, count(*) AS n
    FROM wallet.idempotency WHERE bet_id IS NOT NULL
    GROUP BY account_id, cell, bet_id
), bets AS (
    SELECT account_id, cell, id, count(*) AS n FROM betting.bets GROUP BY account_id, cell, id
), effects AS MATERIALIZED (
    SELECT coalesce(b.account_id, k.account_id) AS account_id, coalesce(b.id, k.bet_id) AS bet_id, k.key,
           coalesce(k.n, 0) AS keys, coalesce(b.n, 0) AS bets
    FROM bets b
    FULL JOIN keys k ON k.bet_id = b.id AND k.account_id = b.account_id AND k.cell = b.cell
), answers AS (
    SELECT account_id, cell, meta.uuid_of(answer -> 'moved' ->> 'posting_id') AS posting_id,
           min(answer -> 'moved' ->> 'amount') AS cents, min(key) AS key, count(*) AS n
    FROM wallet.idempotency WHERE answer ? 'moved'
    GROUP BY 1, 2, 3
), postings AS (
    -- What was moved by hand, apart from the side of the clearing account or the house, and from the wallet that a
    -- transfer went to.
    SELECT e.account_id, e.cell, e.posting_id, sum(e.amount_cents)::text AS cents
    FROM wallet.ledger_entries e
    JOIN wallet.accounts a ON a.id = e.account_id AND a.cell = e.cell
    WHERE e.ref_type IN ('DEPOSIT', 'WITHDRAWAL', 'ADJUSTMENT', 'REVERSAL', 'TRANSFER')
        AND NOT (e.ref_type = 'TRANSFER' AND e.amount_cents > 0)
        AND NOT (a.kind = 'PSP_CLEARING' AND e.ref_type <> 'ADJUSTMENT')
        AND NOT (a.kind = 'HOUSE' AND e.ref_type IN ('ADJUSTMENT', 'REVERSAL'))
    GROUP BY e.account_id, e.cell, e.posting_id
), movements AS MATERIALIZED (
    SELECT coalesce(p.account_id, a.account_id) AS account_id, p.posting_id, p.cents, a.posting_id AS told_posting_id,
           a.cents AS told_cents, a.key, coalesce(a.n, 0) AS keys
    FROM postings p
    FULL JOIN answers a ON a.posting_id = p.posting_id AND a.account_id = p.account_id AND a.cell = p.cell
), broken AS (
    SELECT format('account %s: bet %s exists %s times and has %s keys', account_id, bet_id, bets, keys) AS sample
    FROM effects WHERE keys <> 1 OR bets <> 1
    UNION ALL
    SELECT CASE
        WHEN posting_id IS NULL THEN format('account %s: key %s is answered with posting %s, which is not there',
            account_id, quote_literal(key), coalesce(told_posting_id::text, 'of no id'))
        WHEN keys <> 1 THEN format('account %s: posting %s has %s keys', account_id, posting_id, keys)
        ELSE format('account %s: posting %s moved %s, key %s is answered with %s', account_id, posting_id, cents,
            quote_literal(key), coalesce(told_cents, 'nothing'))
        END
    FROM movements WHERE posting_id IS NULL OR keys <> 1 OR cents IS DISTINCT FROM told_cents
    UNION ALL
    SELECT format('account %s: key %s has %s', account_id, quote_literal(key),
        CASE WHEN bet_id IS NULL THEN 'neither a bet nor an answer' ELSE 'a bet and an answer beside it' END)
    FROM wallet.idempotency WHERE (bet_id IS NULL) = (answer IS NULL)
    UNION ALL
    SELECT format('actor %s: key %s has no answer', quote_literal(actor), quote_literal(key))
    FROM wallet.actor_idempotency WHERE answer IS NULL
)
SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM movements)
           + (SELECT count(*) FROM wallet.idempotency WHERE bet_id IS NULL AND NOT coalesce(answer ? 'moved', false))
           + (SELECT count(*) FROM wallet.actor_idempotency) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
