-- Each account of a player: its balance against its floor, and a debt's against zero.
WITH accounts AS MATERIALIZED (
    SELECT id, kind, balance_cents, coalesce(floor_cents, 0) AS least,
           CASE kind WHEN 'DEBT' THEN 0 END AS most
    FROM wallet.accounts
    WHERE kind IN ('PLAYER', 'HOLD', 'BONUS', 'FREE_BET', 'DEBT')
), broken AS (
    SELECT format('account %s (%s): its balance is %s, its floor %s', id, kind, balance_cents, least) AS sample
    FROM accounts WHERE balance_cents < least
    UNION ALL
    SELECT format('account %s (%s): its balance is %s, above zero', id, kind, balance_cents)
    FROM accounts WHERE balance_cents > most
)
SELECT (SELECT count(*) FROM accounts) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
