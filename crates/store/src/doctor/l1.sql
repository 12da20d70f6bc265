-- Each posting and currency: the sum of its entries.
WITH postings AS MATERIALIZED (
    SELECT posting_id, currency, sum(amount_cents) AS total
    FROM wallet.ledger_entries
    GROUP BY posting_id, currency
), broken AS (
    SELECT format('posting %s: its entries in %s sum to %s', posting_id, currency, total) AS sample
    FROM postings WHERE total <> 0
)
SELECT (SELECT count(*) FROM postings) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
