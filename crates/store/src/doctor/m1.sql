-- Each version against the one before it in its market: numbers without a gap or repetition, and neither
-- the instant nor the status version goes back. Each market against its last version, and its fences, one in
-- each cell, against the market. And what is held is not on sale, but for markets that are still following their
-- hold. Each producer's markets are held, unless it is up.
WITH versions AS MATERIALIZED (
    SELECT market_id, version, as_of, status_version, status,
           row_number() OVER (PARTITION BY market_id ORDER BY version DESC, as_of DESC) AS place,
           lag(version, 1, 0::bigint) OVER follows AS version_before,
           lag(as_of) OVER follows AS as_of_before,
           lag(status_version, 1, 0::bigint) OVER follows AS status_version_before
    FROM market.price_versions
    WINDOW follows AS (PARTITION BY market_id ORDER BY version, as_of)
), lasts AS (
    SELECT market_id, version, status_version, status FROM versions WHERE place = 1
), fences AS MATERIALIZED (
    SELECT coalesce(m.market_id, f.market_id) AS market_id, coalesce(m.cell, f.cell) AS cell, m.status, m.status_version,
           f.status AS fence_status, f.status_version AS fence_status_version
    FROM (
        SELECT m.id AS market_id, cells.cell::smallint AS cell, m.status, m.status_version
        FROM market.markets m, wallet.house h, generate_series(0, h.cells - 1) AS cells (cell)
        WHERE m.version > 0
    ) m
    FULL JOIN market.fences f ON f.market_id = m.market_id AND f.cell = m.cell
), held AS (
    SELECT h.scope, h.scope_key, m.id AS market_id FROM market.holds h
    JOIN market.markets m ON m.id = h.market_id
    WHERE h.kind IS NOT NULL AND h.scope IN ('MARKET', 'OUTCOME')
    UNION ALL
    SELECT h.scope, h.scope_key, m.id FROM market.holds h
    JOIN market.markets m ON true
    JOIN market.events e ON e.id = m.event_id
    WHERE h.kind IS NOT NULL AND NOT h.pending
      AND (h.scope, h.scope_key) IN (('EVENT', m.event_id::text), ('SPORT', e.sport), ('PRODUCER', m.producer), ('ALL', ''))
), broken AS (
    SELECT format('producer %s: it is %s, and its markets are %sheld', p.name, p.state, CASE WHEN h.kind IS NULL THEN 'not ' ELSE '' END) AS sample
    FROM market.producers p
    LEFT JOIN market.holds h ON h.scope = 'PRODUCER' AND h.scope_key = p.name
    WHERE (p.state = 'UP') <> (h.kind IS NULL)
    UNION ALL
    SELECT format('market %s: it is on sale, and held (%s)', m.id, concat_ws(' ', h.scope, nullif(h.scope_key, ''))) AS sample
    FROM held h
    JOIN market.markets m ON m.id = h.market_id
    LEFT JOIN market.price_versions v ON v.market_id = m.id AND v.version = m.version AND h.scope = 'OUTCOME'
    WHERE m.status = 'OPEN' AND (h.scope <> 'OUTCOME' OR v.prices ? h.scope_key)
    UNION ALL
    SELECT CASE
        WHEN version <> version_before + 1 THEN format('market %s: version %s follows version %s', market_id, version, version_before)
        WHEN as_of < as_of_before THEN format('market %s: version %s is of %s, the one before of %s', market_id, version, as_of, as_of_before)
        ELSE format('market %s: version %s has status version %s, the one before %s', market_id, version, status_version, status_version_before)
        END AS sample
    FROM versions
    WHERE version <> version_before + 1 OR as_of < as_of_before OR status_version < status_version_before
    UNION ALL
    SELECT CASE WHEN m.id IS NULL THEN format('market %s: it has versions and no row', l.market_id)
        ELSE format('market %s: its row is %s at version %s (status %s), its last version is %s at %s (status %s)', m.id,
            m.status, m.version, m.status_version, l.status, coalesce(l.version, 0), coalesce(l.status_version, 0)) END
    FROM market.markets m
    FULL JOIN lasts l ON l.market_id = m.id
    WHERE m.version IS DISTINCT FROM coalesce(l.version, 0)
       OR (l.version IS NOT NULL AND (m.status, m.status_version) IS DISTINCT FROM (l.status, l.status_version))
    UNION ALL
    SELECT CASE
        WHEN fence_status IS NULL THEN format('market %s: it has no fence in cell %s', market_id, cell)
        WHEN status IS NULL THEN format('market %s: it has a fence in cell %s and should have none', market_id, cell)
        ELSE format('market %s: its row is %s (status %s), its fence in cell %s is %s (status %s)', market_id, status,
            status_version, cell, fence_status, fence_status_version)
        END
    FROM fences WHERE (status, status_version) IS DISTINCT FROM (fence_status, fence_status_version)
)
SELECT (SELECT count(*) FROM versions) + (SELECT count(*) FROM fences) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
