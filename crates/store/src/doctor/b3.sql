-- Each bet: what it says was paid, what its latest generation says, and what the ledger paid its own
-- account for all generations together, are one amount. A return that repays a debt is a return too. What
-- a settlement moves beside the hold is its bet's account's or the house's. A bet without a generation
-- is open, or was never accepted and is void.
WITH entries AS (
    SELECT e.ref_id AS settlement_id, e.cell, coalesce(a.owner_account_id, a.id) AS account_id, a.kind = 'HOUSE' AS house,
           sum(e.amount_cents) AS cents
    FROM wallet.ledger_entries e
    JOIN wallet.accounts a ON a.id = e.account_id AND a.cell = e.cell
    WHERE e.ref_type = 'SETTLEMENT' AND a.kind <> 'HOLD'
    GROUP BY 1, 2, 3, 4
), paid AS MATERIALIZED (
    SELECT e.settlement_id, e.cell, e.account_id, e.house, e.cents, s.bet_id, s.account_id AS bet_account_id
    FROM entries e
    LEFT JOIN betting.settlements s ON s.id = e.settlement_id AND s.cell = e.cell
), paid_bets AS (
    SELECT bet_id, cell, account_id, sum(cents) AS cents FROM paid WHERE account_id = bet_account_id
    GROUP BY bet_id, cell, account_id
), latest AS (
    SELECT DISTINCT ON (bet_id, cell, account_id) bet_id, cell, account_id, generation, status, result, return_cents,
           count(*) OVER (PARTITION BY bet_id, cell, account_id) AS generations
    FROM betting.settlements
    ORDER BY bet_id, cell, account_id, generation DESC
), bets AS MATERIALIZED (
    SELECT coalesce(b.id, l.bet_id) AS id, b.id IS NOT NULL AS there, b.acceptance, b.status, b.result, b.returned_cents,
           b.settlement_generation, coalesce(l.generation, 0) AS generation, coalesce(l.generations, 0) AS generations,
           l.status AS latest_status, l.result AS latest_result, coalesce(l.return_cents, 0) AS return_cents,
           coalesce(p.cents, 0) AS paid
    FROM betting.bets b
    FULL JOIN latest l ON l.bet_id = b.id AND l.cell = b.cell AND l.account_id = b.account_id
    LEFT JOIN paid_bets p ON p.bet_id = coalesce(b.id, l.bet_id) AND p.cell = coalesce(b.cell, l.cell)
        AND p.account_id = coalesce(b.account_id, l.account_id)
), broken AS (
    SELECT CASE
        WHEN NOT there THEN format('bet %s: it is settled and does not exist', id)
        WHEN settlement_generation <> generation OR generations <> generation
            THEN format('bet %s: it is at generation %s of %s settlements, the latest %s', id, settlement_generation, generations, generation)
        WHEN returned_cents <> return_cents OR paid <> return_cents
            THEN format('bet %s: it says %s was returned, its settlement %s, the ledger %s', id, returned_cents, return_cents, paid)
        WHEN generation = 0 THEN format('bet %s: it is %s and %s, and was never settled', id, acceptance, status)
        ELSE format('bet %s: it is %s, %s %s, its settlement %s %s', id, acceptance, status, result, latest_status, latest_result)
        END AS sample
    FROM bets
    WHERE NOT there OR settlement_generation <> generation OR generations <> generation
       OR returned_cents <> return_cents OR paid <> return_cents
       OR (generation > 0 AND (acceptance <> 'ACCEPTED' OR status <> latest_status OR result IS DISTINCT FROM latest_result))
       OR (generation = 0 AND status <> CASE acceptance WHEN 'NOT_ACCEPTED' THEN 'VOID' ELSE 'PENDING' END)
    UNION ALL
    SELECT DISTINCT format('settlement %s: it has entries and no row', settlement_id) FROM paid WHERE bet_id IS NULL
    UNION ALL
    SELECT format('settlement %s of bet %s: it moves %s on account %s, which is not the bet''s', settlement_id, bet_id, cents, account_id)
    FROM paid WHERE account_id <> bet_account_id AND NOT house
)
SELECT (SELECT count(*) FROM bets WHERE there) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
