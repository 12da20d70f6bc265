-- Serves binaries from: 0.1.0
-- Sporting events count their changes, each of which has its domain event, as a market that became known has.
ALTER TABLE market.events ADD COLUMN version meta.positive NOT NULL DEFAULT 1;
GRANT UPDATE (version) ON market.events TO overround_app;

-- Those that were known before are told of now, as they are: at an instant for which there is a partition.
INSERT INTO events.outbox (event_id, type, aggregate_type, aggregate_id, aggregate_version, payload, created_at)
SELECT gen_random_uuid(), k.type, k.aggregate_type, k.id, 1, k.payload, o.latest
FROM (SELECT created_at AS latest FROM events.outbox ORDER BY xid8 DESC, identity DESC LIMIT 1) o,
     (SELECT 'event.changed' AS type, 'event' AS aggregate_type, id, jsonb_build_object('event_id', id, 'version', 1,
             'name', name, 'sport', sport, 'starts_at', to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) AS payload
      FROM market.events
      UNION ALL
      SELECT 'market.opened', 'market', id, jsonb_build_object('market_id', id, 'event_id', event_id,
             'market_type', market_type, 'name', name, 'kind', kind)
      FROM market.markets) k;

-- Who tells of accounts tells of sporting events too.
UPDATE events.checkpoints SET consumer = 'teller' WHERE consumer = 'accounts';
