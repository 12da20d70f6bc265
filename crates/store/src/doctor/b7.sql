-- Each account's row of its last day against the bets that say that they count for it; and no such bet without a row.
WITH counted AS MATERIALIZED (
    SELECT account_id, cell, (limit_decision ->> 'payout_day')::bigint AS day, sum(potential_payout_cents) AS cents
    FROM betting.bets WHERE limit_decision ->> 'payout_day' IS NOT NULL
    GROUP BY account_id, cell, day
), broken AS (
    SELECT format('account %s has %s on day %s, its bets come to %s', d.account_id, d.payout_cents, d.day, coalesce(c.cents, 0))
           AS sample
    FROM betting.day_payouts d LEFT JOIN counted c USING (account_id, cell, day)
    WHERE d.payout_cents <> coalesce(c.cents, 0)
    UNION ALL
    SELECT format('account %s has bets that count for day %s, and no row as late', c.account_id, c.day)
    FROM counted c LEFT JOIN betting.day_payouts d USING (account_id, cell)
    WHERE d.day IS NULL OR d.day < c.day
)
SELECT (SELECT count(*) FROM betting.day_payouts) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
