-- Each account: its balance against the sum of its entries, all in its own currency.
WITH sums AS (
    SELECT account_id, cell, sum(amount_cents) AS total, min(currency) AS least, max(currency) AS greatest
    FROM wallet.ledger_entries
    GROUP BY account_id, cell
), accounts AS MATERIALIZED (
    SELECT coalesce(a.id, s.account_id) AS id, a.id IS NOT NULL AS there, a.balance_cents, a.currency,
           coalesce(s.total, 0) AS total, s.least, s.greatest
    FROM wallet.accounts a
    FULL JOIN sums s ON s.account_id = a.id AND s.cell = a.cell
), broken AS (
    SELECT CASE
        WHEN NOT there THEN format('account %s: it has entries and no row', id)
        WHEN balance_cents <> total THEN format('account %s: its balance is %s, its entries sum to %s', id, balance_cents, total)
        ELSE format('account %s: it is kept in %s and has entries in %s', id, currency, CASE WHEN least = currency THEN greatest ELSE least END)
        END AS sample
    FROM accounts
    WHERE NOT there OR balance_cents <> total OR least <> currency OR greatest <> currency
)
SELECT (SELECT count(*) FROM accounts) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
