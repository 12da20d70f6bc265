-- Each cell's share of each cap: what it says was taken against what its bets say that they took, open ones of a liability
-- and all of stakes; each take against its bet; and the shares of each cap together against the cap. A cap that was
-- lowered below what is taken, or let go, has shares of just that until enough of its bets are closed.
WITH takes AS MATERIALIZED (
    SELECT b.id AS bet_id, b.cell, (t ->> 'cap_id')::uuid AS cap_id, t ->> 'measure' AS measure,
           (t ->> 'cents')::bigint AS cents, b.status, b.stake_cents, b.potential_payout_cents
    FROM betting.bets b CROSS JOIN LATERAL jsonb_array_elements(b.limit_decision -> 'caps') AS t
), taken AS (
    SELECT cap_id, cell, sum(cents) AS cents FROM takes
    WHERE measure = 'STAKES' OR status = 'PENDING' GROUP BY cap_id, cell
), shares AS MATERIALIZED (
    SELECT cap_id, cell, coalesce(a.share_cents, 0) AS share_cents, coalesce(a.used_cents, 0) AS used_cents,
           coalesce(t.cents, 0) AS taken_cents
    FROM betting.allowances a FULL JOIN taken t USING (cap_id, cell)
), broken AS (
    SELECT format('cell %s says that %s of cap %s was taken of its share of %s, its bets come to %s',
                  cell, used_cents, cap_id, share_cents, taken_cents) AS sample
    FROM shares WHERE used_cents <> taken_cents OR used_cents > share_cents
    UNION ALL
    SELECT format('bet %s took %s of %s from cap %s, not what it staked or may win', bet_id, cents, measure, cap_id)
    FROM takes t
    WHERE cents <> CASE measure WHEN 'STAKES' THEN stake_cents ELSE potential_payout_cents - stake_cents END
       OR measure IS DISTINCT FROM (SELECT c.measure FROM betting.caps c WHERE c.id = t.cap_id)
    UNION ALL
    SELECT format('the shares of cap %s come to %s, and it to %s', cap_id, sum(s.share_cents), min(c.amount_cents))
    FROM shares s LEFT JOIN betting.caps c ON c.id = s.cap_id
    GROUP BY cap_id
    HAVING sum(s.share_cents) > greatest(coalesce(min(c.amount_cents), 0), sum(s.used_cents))
)
SELECT (SELECT count(*) FROM shares) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
