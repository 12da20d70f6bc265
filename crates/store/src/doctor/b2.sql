-- Each bet: what the entries that name it or its settlements left on hold, which is its stake while it is
-- open and nothing after. All that an entry of a bet moves, and all that is held for one, is its own
-- account's or of an account that belongs to it. And each hold account: its balance against the stakes of
-- its open bets, so that nothing is held for no bet.
WITH moved AS (
    SELECT coalesce(s.bet_id, e.ref_id) AS bet_id, e.cell, coalesce(a.owner_account_id, a.id) AS account_id,
           sum(e.amount_cents) FILTER (WHERE a.kind = 'HOLD') AS held
    FROM wallet.ledger_entries e
    JOIN wallet.accounts a ON a.id = e.account_id AND a.cell = e.cell
    LEFT JOIN betting.settlements s ON e.ref_type = 'SETTLEMENT' AND s.id = e.ref_id AND s.cell = e.cell
    WHERE e.ref_type = 'BET' OR a.kind = 'HOLD'
    GROUP BY 1, 2, 3
), bets AS MATERIALIZED (
    SELECT coalesce(b.id, m.bet_id) AS id, coalesce(b.account_id, m.account_id) AS account_id, b.cell, b.status,
           coalesce(m.held, 0) AS held, CASE b.status WHEN 'PENDING' THEN b.stake_cents ELSE 0 END AS open
    FROM betting.bets b
    FULL JOIN moved m ON m.bet_id = b.id AND m.cell = b.cell AND m.account_id = b.account_id
), opens AS (
    SELECT account_id, cell, sum(open) AS open FROM bets WHERE status IS NOT NULL GROUP BY account_id, cell
), holds AS (
    SELECT coalesce(h.owner_account_id, o.account_id) AS account_id,
           coalesce(h.balance_cents, 0) AS balance, coalesce(o.open, 0) AS open
    FROM (SELECT owner_account_id, cell, balance_cents FROM wallet.accounts WHERE kind = 'HOLD') h
    FULL JOIN opens o ON o.account_id = h.owner_account_id AND o.cell = h.cell
), broken AS (
    SELECT CASE
        WHEN status IS NULL THEN format('account %s: it has entries of bet %s, which is not its own', account_id, id)
        ELSE format('bet %s (%s): %s is on hold for it instead of %s', id, status, held, open)
        END AS sample
    FROM bets WHERE status IS NULL OR held <> open
    UNION ALL
    SELECT format('account %s: %s is on hold, its open bets staked %s', account_id, balance, open)
    FROM holds WHERE balance <> open
)
SELECT (SELECT count(*) FROM bets WHERE status IS NOT NULL) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
