-- Each version against the one before it in its market: numbers without a gap or repetition, and neither
-- the instant nor the status version goes back. Each market against its last version.
WITH versions AS MATERIALIZED (
    SELECT market_id, version, as_of, status_version,
           lag(version, 1, 0::bigint) OVER follows AS version_before,
           lag(as_of) OVER follows AS as_of_before,
           lag(status_version, 1, 0::bigint) OVER follows AS status_version_before
    FROM market.price_versions
    WINDOW follows AS (PARTITION BY market_id ORDER BY version, as_of)
), lasts AS (
    SELECT market_id, max(version) AS version, max(status_version) AS status_version FROM versions GROUP BY market_id
), broken AS (
    SELECT CASE
        WHEN version <> version_before + 1 THEN format('market %s: version %s follows version %s', market_id, version, version_before)
        WHEN as_of < as_of_before THEN format('market %s: version %s is of %s, the one before of %s', market_id, version, as_of, as_of_before)
        ELSE format('market %s: version %s has status version %s, the one before %s', market_id, version, status_version, status_version_before)
        END AS sample
    FROM versions
    WHERE version <> version_before + 1 OR as_of < as_of_before OR status_version < status_version_before
    UNION ALL
    SELECT CASE WHEN m.id IS NULL THEN format('market %s: it has versions and no row', l.market_id)
        ELSE format('market %s: its row is at version %s (status %s), its last version is %s (status %s)', m.id,
            m.version, m.status_version, coalesce(l.version, 0), coalesce(l.status_version, 0)) END
    FROM market.markets m
    FULL JOIN lasts l ON l.market_id = m.id
    WHERE m.version IS DISTINCT FROM coalesce(l.version, 0)
       OR (l.version IS NOT NULL AND m.status_version IS DISTINCT FROM l.status_version)
)
SELECT (SELECT count(*) FROM versions) AS examined,
       (SELECT count(*) FROM broken) AS violations,
       ARRAY(SELECT sample FROM broken ORDER BY sample LIMIT 5) AS samples
