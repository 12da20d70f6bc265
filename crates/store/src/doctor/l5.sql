-- Each cell and currency: the sum of its accounts.
WITH cells AS MATERIALIZED (
    SELECT cell, currency, sum(balance_cents) AS total FROM wallet.accounts GROUP BY cell, currency
), broken AS (
    SELECT format('cell %s: its accounts in %s sum to %s', cell, currency, total) AS sample
    FROM cells WHERE total <> 0
)
SELECT (SELECT count(*) FROM cells) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
