-- Each bet: what it says was paid, what its latest generation says, and what the ledger paid the player
-- for all generations together, are one amount. A return that repays a debt is a return too.
WITH paid AS (
    SELECT s.bet_id, s.cell, e.ref_id, sum(e.amount_cents) FILTER (WHERE a.kind IN ('PLAYER', 'BONUS', 'DEBT')) AS cents
    FROM wallet.ledger_entries e
    JOIN wallet.accounts a ON a.id = e.account_id AND a.cell = e.cell
    LEFT JOIN betting.settlements s ON s.id = e.ref_id AND s.cell = e.cell
    WHERE e.ref_type = 'SETTLEMENT'
    GROUP BY s.bet_id, s.cell, e.ref_id
), paid_bets AS (
    SELECT bet_id, cell, sum(cents) AS cents FROM paid WHERE bet_id IS NOT NULL GROUP BY bet_id, cell
), latest AS (
    SELECT DISTINCT ON (bet_id, cell) bet_id, cell, generation, status, result, return_cents,
           count(*) OVER (PARTITION BY bet_id, cell) AS generations
    FROM betting.settlements
    ORDER BY bet_id, cell, generation DESC
), bets AS MATERIALIZED (
    SELECT coalesce(b.id, l.bet_id) AS id, b.id IS NOT NULL AS there, b.status, b.result, b.returned_cents,
           b.settlement_generation, coalesce(l.generation, 0) AS generation, coalesce(l.generations, 0) AS generations,
           l.status AS latest_status, l.result AS latest_result, coalesce(l.return_cents, 0) AS return_cents,
           coalesce(p.cents, 0) AS paid
    FROM betting.bets b
    FULL JOIN latest l ON l.bet_id = b.id AND l.cell = b.cell
    LEFT JOIN paid_bets p ON p.bet_id = coalesce(b.id, l.bet_id) AND p.cell = coalesce(b.cell, l.cell)
), broken AS (
    SELECT CASE
        WHEN NOT there THEN format('bet %s: it is settled and does not exist', id)
        WHEN settlement_generation <> generation OR generations <> generation
            THEN format('bet %s: it is at generation %s of %s settlements, the latest %s', id, settlement_generation, generations, generation)
        WHEN returned_cents <> return_cents OR paid <> return_cents
            THEN format('bet %s: it says %s was returned, its settlement %s, the ledger %s', id, returned_cents, return_cents, paid)
        ELSE format('bet %s: it is %s %s, its settlement %s %s', id, status, result, latest_status, latest_result)
        END AS sample
    FROM bets
    WHERE NOT there OR settlement_generation <> generation OR generations <> generation
       OR returned_cents <> return_cents OR paid <> return_cents
       OR (generation > 0 AND (status <> latest_status OR result IS DISTINCT FROM latest_result))
       OR (generation = 0 AND status = 'SETTLED')
    UNION ALL
    SELECT format('settlement %s: it has entries and no row', ref_id) FROM paid WHERE bet_id IS NULL
)
SELECT (SELECT count(*) FROM bets) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
