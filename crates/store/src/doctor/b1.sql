-- Each key against what it did: it names one bet that exists or has an answer, never both; and each bet
-- was placed under one key.
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
), broken AS (
    SELECT format('account %s: bet %s exists %s times and has %s keys', account_id, bet_id, bets, keys) AS sample
    FROM effects WHERE keys <> 1 OR bets <> 1
    UNION ALL
    SELECT format('account %s: key %s has %s', account_id, quote_literal(key),
        CASE WHEN bet_id IS NULL THEN 'neither a bet nor an answer' ELSE 'a bet and an answer beside it' END)
    FROM wallet.idempotency WHERE (bet_id IS NULL) = (answer IS NULL)
    UNION ALL
    SELECT format('actor %s: key %s has no answer', quote_literal(actor), quote_literal(key))
    FROM wallet.actor_idempotency WHERE answer IS NULL
)
SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM wallet.idempotency WHERE bet_id IS NULL)
           + (SELECT count(*) FROM wallet.actor_idempotency) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
