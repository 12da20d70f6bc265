-- Each entry against the one before it in its account (numbers without a gap, balances that follow from
-- each other), and each account against its last entry.
WITH entries AS MATERIALIZED (
    SELECT account_id, cell, account_seq, amount_cents, balance_after,
           lag(account_seq, 1, 0::bigint) OVER follows AS seq_before,
           lag(balance_after, 1, 0::bigint) OVER follows AS balance_before
    FROM wallet.ledger_entries
    WINDOW follows AS (PARTITION BY account_id, cell ORDER BY account_seq, created_at, id)
), lasts AS (
    SELECT account_id, cell, max(account_seq) AS seq FROM entries GROUP BY account_id, cell
), broken AS (
    SELECT CASE WHEN account_seq <> seq_before + 1
        THEN format('account %s: entry %s follows entry %s', account_id, account_seq, seq_before)
        ELSE format('account %s: entry %s moves %s from %s and leaves %s', account_id, account_seq, amount_cents, balance_before, balance_after)
        END AS sample
    FROM entries
    WHERE account_seq <> seq_before + 1 OR balance_after::numeric <> balance_before::numeric + amount_cents
    UNION ALL
    SELECT format('account %s: it counts %s entries, its last is %s', a.id, a.seq, coalesce(l.seq, 0))
    FROM wallet.accounts a
    LEFT JOIN lasts l ON l.account_id = a.id AND l.cell = a.cell
    WHERE a.seq <> coalesce(l.seq, 0)
)
SELECT (SELECT count(*) FROM entries) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
