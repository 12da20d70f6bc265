-- Each outcome of each market, by currency: what the kept figures say against the bets that were open as of the place
-- in the log that they are of. Whether a bet was placed or closed by then is read from the events, what it is on and worth
-- from the bet itself. A leg counts until its bet closes.
WITH place AS (
    SELECT xid8, identity FROM events.checkpoints WHERE consumer = 'exposure'
), by_then AS MATERIALIZED (
    SELECT o.aggregate_id AS bet_id,
           count(*) FILTER (WHERE o.type = 'bet.placed') AS placed,
           count(*) FILTER (WHERE o.type = 'bet.settled') AS closed
    FROM events.outbox o CROSS JOIN place p
    WHERE (o.xid8, o.identity) <= (p.xid8, p.identity)
      AND (o.type = 'bet.placed' OR o.type = 'bet.settled' AND o.payload ->> 'generation' = '1')
    GROUP BY o.aggregate_id
), wanted AS (
    SELECT l.market_id, b.currency, l.outcome_id,
           coalesce(sum(b.stake_cents) FILTER (WHERE b.kind = 'SINGLE'), 0) AS stakes,
           coalesce(sum(b.potential_payout_cents) FILTER (WHERE b.kind = 'SINGLE'), 0) AS payouts,
           coalesce(sum(b.potential_payout_cents) FILTER (WHERE b.kind <> 'SINGLE'), 0) AS multiples
    FROM by_then t
    JOIN betting.bets b ON b.id = t.bet_id
    JOIN betting.bet_legs l ON l.bet_id = b.id AND l.cell = b.cell
    WHERE t.placed > 0 AND t.closed = 0
    GROUP BY l.market_id, b.currency, l.outcome_id
), kept AS (
    SELECT e.market_id, c.key AS currency, o.key::uuid AS outcome_id, (o.value ->> 'stakes')::numeric AS stakes,
           (o.value ->> 'payouts')::numeric AS payouts, (o.value ->> 'multiples')::numeric AS multiples
    FROM betting.exposure e, jsonb_each(e.figures) AS c, jsonb_each(c.value) AS o
), pairs AS MATERIALIZED (
    SELECT market_id, currency, outcome_id,
           concat_ws('/', coalesce(w.stakes, 0), coalesce(w.payouts, 0), coalesce(w.multiples, 0)) AS wanted,
           concat_ws('/', coalesce(k.stakes, 0), coalesce(k.payouts, 0), coalesce(k.multiples, 0)) AS kept
    FROM wanted w FULL JOIN kept k USING (market_id, currency, outcome_id)
), broken AS (
    SELECT format('market %s, outcome %s in %s: stakes/payouts/multiples are kept as %s, the open bets come to %s',
                  market_id, outcome_id, currency, kept, wanted) AS sample
    FROM pairs WHERE kept <> wanted
)
SELECT (SELECT count(*) FROM pairs) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
