-- Each leg against the version of its market that it names: which must exist, have been open, and have had
-- that outcome at that price and line. Legs of one selection at one version are looked up once. And the
-- legs of one account on one market in the order in which it placed them: their status version never goes
-- back, since none was taken behind a fence that had moved on.
--
-- That a version was still the last one when each bet was taken is not in the rows: accepted_at and as_of
-- are of two hosts' clocks, and the order of transaction ids is not that of commits. The fence, held FOR
-- SHARE until the bet commits, sees to it; M1 compares fences with versions.
WITH legs AS MATERIALIZED (
    SELECT market_id, market_version, status_version, event_id, outcome_id, price_num, price_den, line_quarters,
           count(*) AS n, min(bet_id::text) AS bet_id
    FROM betting.bet_legs
    GROUP BY market_id, market_version, status_version, event_id, outcome_id, price_num, price_den, line_quarters
), sold AS MATERIALIZED (
    SELECT l.*, v.market_id IS NOT NULL AS there, v.status, v.status_version AS sold_status_version,
           v.prices -> l.outcome_id::text AS quote, m.event_id AS sold_event_id
    FROM legs l
    LEFT JOIN market.price_versions v ON v.market_id = l.market_id AND v.version = l.market_version
    LEFT JOIN market.markets m ON m.id = l.market_id
), bets AS (
    SELECT b.id, b.kind, count(l.bet_id) AS legs, coalesce(max(l.position), -1) AS last
    FROM betting.bets b
    LEFT JOIN betting.bet_legs l ON l.bet_id = b.id AND l.cell = b.cell AND l.account_id = b.account_id
    GROUP BY b.id, b.kind
), placed AS (
    -- An account's entries are numbered in the order of its transactions.
    SELECT l.bet_id, l.market_id, l.status_version,
           max(l.status_version) OVER (PARTITION BY l.account_id, l.cell, l.market_id ORDER BY e.account_seq
               RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS status_version_before
    FROM betting.bet_legs l
    JOIN wallet.ledger_entries e
      ON e.ref_type = 'BET' AND e.ref_id = l.bet_id AND e.cell = l.cell AND e.account_id = l.account_id AND e.type = 'HOLD'
), broken AS (
    SELECT n, format('bet %s: outcome %s of market %s at version %s: %s', bet_id, outcome_id, market_id, market_version,
        CASE
            WHEN NOT there THEN 'there is no such version'
            WHEN sold_event_id IS DISTINCT FROM event_id THEN 'the market is of another event'
            WHEN status <> 'OPEN' THEN 'it was ' || status
            WHEN sold_status_version <> status_version THEN format('its status version was %s and not %s', sold_status_version, status_version)
            WHEN quote IS NULL THEN 'the outcome was not on offer'
            ELSE format('it was on offer at %s and not at %s/%s (line %s)', quote, price_num, price_den, line_quarters)
        END) AS sample
    FROM sold
    WHERE NOT there OR sold_event_id IS DISTINCT FROM event_id OR status <> 'OPEN' OR sold_status_version <> status_version
       OR quote IS NULL
       OR quote -> 'num' IS DISTINCT FROM to_jsonb(price_num) OR quote -> 'den' IS DISTINCT FROM to_jsonb(price_den)
       OR coalesce(quote -> 'line_quarters', 'null'::jsonb) <> coalesce(to_jsonb(line_quarters), 'null'::jsonb)
    UNION ALL
    SELECT 1, format('bet %s: market %s was at status version %s for it, and at %s for an earlier bet of its account',
        bet_id, market_id, status_version, status_version_before)
    FROM placed WHERE status_version < status_version_before
    UNION ALL
    SELECT 1, format('bet %s (%s): it has %s legs, the last at position %s', id, kind, legs, last)
    FROM bets WHERE legs <> last + 1 OR (kind = 'SINGLE' AND legs <> 1) OR (kind = 'PARLAY' AND legs < 2)
    UNION ALL
    SELECT 1, format('bet %s: it has a leg and no row', l.bet_id)
    FROM betting.bet_legs l
    WHERE NOT EXISTS (SELECT FROM betting.bets b WHERE b.id = l.bet_id AND b.cell = l.cell AND b.account_id = l.account_id)
)
SELECT (SELECT coalesce(sum(n), 0)::bigint FROM legs) AS examined,
       (SELECT coalesce(sum(n), 0)::bigint FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
