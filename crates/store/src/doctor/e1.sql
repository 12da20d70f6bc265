-- Each change and each event, told apart by type, aggregate and what else names the change: as many of the
-- one as of the other, and one.
WITH transfers AS MATERIALIZED (
    SELECT f.account_id AS from_id, t.account_id AS to_id, f.cell, f.posting_id, -f.amount_cents AS amount_cents
    FROM wallet.ledger_entries f
    LEFT JOIN wallet.ledger_entries t
        ON t.posting_id = f.posting_id AND t.cell = f.cell AND t.ref_type = 'TRANSFER' AND t.amount_cents > 0
    WHERE f.ref_type = 'TRANSFER' AND f.amount_cents < 0
), changes AS (
    SELECT 'account.opened' AS type, id AS aggregate_id, '' AS detail FROM wallet.accounts WHERE kind = 'PLAYER'
    UNION ALL
    SELECT 'wallet.opened', id, kind FROM wallet.accounts WHERE kind IN ('BONUS', 'FREE_BET', 'DEBT')
    UNION ALL
    SELECT CASE act WHEN 'FREEZE' THEN 'account.frozen' ELSE 'account.unfrozen' END, account_id, version || ' ' || status
    FROM wallet.freezes
    UNION ALL
    -- A posting has two entries or more; the player's is the one that its event is about.
    SELECT CASE e.ref_type WHEN 'DEPOSIT' THEN 'wallet.credited' ELSE 'wallet.debited' END, e.account_id,
           e.posting_id::text || ' ' || abs(e.amount_cents)
    FROM wallet.ledger_entries e
    JOIN wallet.accounts a ON a.id = e.account_id AND a.cell = e.cell AND a.kind = 'PLAYER'
    WHERE e.ref_type IN ('DEPOSIT', 'WITHDRAWAL')
    UNION ALL
    SELECT 'wallet.adjusted', e.account_id, e.posting_id::text || ' ' || e.amount_cents
    FROM wallet.ledger_entries e
    JOIN wallet.accounts a ON a.id = e.account_id AND a.cell = e.cell AND a.kind IN ('PLAYER', 'BONUS', 'FREE_BET', 'DEBT')
    WHERE e.ref_type = 'ADJUSTMENT'
    UNION ALL
    -- A transfer's event is about the wallet that it came from, and names the one that it went to.
    SELECT 'wallet.transferred', from_id, concat(posting_id, ' ', amount_cents, ' ', to_id) FROM transfers
    UNION ALL
    -- What reverses a posting against what was noted as reversed: the one and only one of the other.
    SELECT 'wallet.reversed', coalesce(e.account_id, r.posting_id), concat(e.posting_id, ' ', r.posting_id, ' ', e.amount_cents)
    FROM (
        SELECT e.account_id, e.cell, e.posting_id, e.ref_id, e.amount_cents
        FROM wallet.ledger_entries e
        JOIN wallet.accounts a ON a.id = e.account_id AND a.cell = e.cell AND a.kind IN ('PLAYER', 'BONUS', 'FREE_BET', 'DEBT')
        WHERE e.ref_type = 'REVERSAL'
    ) e
    FULL JOIN wallet.reversals r ON r.reversed_by = e.posting_id AND r.posting_id = e.ref_id AND r.cell = e.cell
    UNION ALL
    SELECT 'bet.placed', id, '' FROM betting.bets
    UNION ALL
    SELECT 'bet.settled', bet_id, generation || ' ' || return_cents FROM betting.settlements
    UNION ALL
    SELECT 'event.changed', e.id, change::text FROM market.events e, generate_series(1, e.version) AS changes (change)
    UNION ALL
    SELECT 'market.opened', id, '' FROM market.markets
    UNION ALL
    SELECT 'odds.updated', market_id, version::text FROM market.price_versions
    UNION ALL
    SELECT 'market.settled', market_id, generation::text FROM market.results
    UNION ALL
    SELECT 'hold.changed', h.id, change::text FROM market.holds h, generate_series(1, h.version) AS changes (change)
    UNION ALL
    SELECT 'limit.changed', l.id, change::text FROM betting.limits l, generate_series(1, l.version) AS changes (change)
    UNION ALL
    SELECT 'factor.changed', f.id, change::text FROM betting.account_factors f, generate_series(1, f.version) AS changes (change)
    UNION ALL
    SELECT 'cap.changed', c.id, change::text FROM betting.caps c, generate_series(1, c.version) AS changes (change)
    UNION ALL
    SELECT 'producer.changed', p.id, change::text FROM market.producers p, generate_series(1, p.version) AS changes (change)
), told AS (
    SELECT type, aggregate_id, CASE type
        WHEN 'account.opened' THEN ''
        WHEN 'wallet.opened' THEN payload ->> 'kind'
        WHEN 'account.frozen' THEN aggregate_version || ' ' || (payload ->> 'status')
        WHEN 'account.unfrozen' THEN aggregate_version || ' ' || (payload ->> 'status')
        WHEN 'wallet.credited' THEN concat(payload ->> 'posting_id', ' ', payload ->> 'amount_cents')
        WHEN 'wallet.debited' THEN concat(payload ->> 'posting_id', ' ', payload ->> 'amount_cents')
        WHEN 'wallet.adjusted' THEN concat(payload ->> 'posting_id', ' ', payload ->> 'amount_cents')
        WHEN 'wallet.transferred' THEN
            concat(payload ->> 'posting_id', ' ', payload ->> 'amount_cents', ' ', payload ->> 'to_account_id')
        WHEN 'wallet.reversed' THEN
            concat(payload ->> 'posting_id', ' ', payload ->> 'reversed_posting_id', ' ', payload ->> 'amount_cents')
        WHEN 'bet.placed' THEN ''
        WHEN 'bet.settled' THEN concat(payload ->> 'generation', ' ', payload ->> 'return_cents')
        WHEN 'event.changed' THEN aggregate_version::text
        WHEN 'market.opened' THEN ''
        WHEN 'odds.updated' THEN aggregate_version::text
        WHEN 'hold.changed' THEN aggregate_version::text
        WHEN 'limit.changed' THEN aggregate_version::text
        WHEN 'factor.changed' THEN aggregate_version::text
        WHEN 'cap.changed' THEN aggregate_version::text
        WHEN 'producer.changed' THEN aggregate_version::text
        ELSE coalesce(payload ->> 'generation', '')
        END AS detail
    FROM events.outbox
    WHERE type IN ('account.opened', 'account.frozen', 'account.unfrozen', 'wallet.credited', 'wallet.debited', 'wallet.adjusted', 'wallet.reversed',
        'wallet.opened', 'wallet.transferred', 'bet.placed', 'bet.settled', 'event.changed', 'market.opened', 'odds.updated', 'market.settled', 'hold.changed', 'limit.changed', 'factor.changed', 'cap.changed',
        'producer.changed')
), pairs AS MATERIALIZED (
    SELECT type, aggregate_id, detail, sum(change) AS changes, sum(event) AS events
    FROM (
        SELECT type, aggregate_id, detail, 1 AS change, 0 AS event FROM changes
        UNION ALL
        SELECT type, aggregate_id, detail, 0, 1 FROM told
    ) both_sides
    GROUP BY type, aggregate_id, detail
), broken AS (
    SELECT format('%s of %s%s: %s changes, %s events', type, aggregate_id, CASE detail WHEN '' THEN '' ELSE ' (' || detail || ')' END, changes, events) AS sample
    FROM pairs WHERE changes <> 1 OR events <> 1
    UNION ALL
    SELECT format('transfer %s: accounts %s and %s are no wallets of one player''s account', x.posting_id, x.from_id, x.to_id)
    FROM transfers x
    JOIN wallet.accounts f ON f.id = x.from_id AND f.cell = x.cell
    LEFT JOIN wallet.accounts t ON t.id = x.to_id AND t.cell = x.cell
        AND t.kind IN ('PLAYER', 'BONUS', 'FREE_BET', 'DEBT')
        AND coalesce(t.owner_account_id, t.id) = coalesce(f.owner_account_id, f.id)
    WHERE t.id IS NULL OR f.kind NOT IN ('PLAYER', 'BONUS', 'FREE_BET', 'DEBT')
    UNION ALL
    SELECT format('account %s: its status is %s, its last freeze left %s', a.id, a.status, coalesce(f.status, 'ACTIVE'))
    FROM wallet.accounts a
    LEFT JOIN (
        SELECT DISTINCT ON (account_id, cell) account_id, cell, status
        FROM wallet.freezes ORDER BY account_id, cell, version DESC
    ) f ON f.account_id = a.id AND f.cell = a.cell
    WHERE a.status NOT IN (coalesce(f.status, 'ACTIVE'), 'CLOSED')
)
SELECT (SELECT count(*) FROM pairs) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
