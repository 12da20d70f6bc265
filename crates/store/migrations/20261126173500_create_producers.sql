-- Serves binaries from: 0.1.0
-- Live producers of market data: which process hears each, and whether it may be trusted.
CREATE TABLE market.producers (
    name           text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 100),
    -- What it is one of: the producers of a source may supply the same market, and one process hears them all.
    source         text NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    -- What its events are about.
    id             uuid NOT NULL CONSTRAINT producers_id UNIQUE,
    state          text NOT NULL CHECK (state IN ('UP', 'RECOVERING', 'DOWN')),
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    -- How long it may be silent.
    silence_ms_max meta.positive NOT NULL,
    -- The process that hears it, and how many have: only the last one may speak for it.
    hearer         uuid NOT NULL,
    epoch          meta.positive NOT NULL,
    -- Counts its changes of state, and with them its events.
    version        meta.positive NOT NULL,
    changed_at     timestamptz NOT NULL,
    -- Its last sign of life, on this server's clock.
    seen_at        timestamptz
);

-- A producer that is not up has its markets held, beside those that traders hold.
ALTER TABLE market.holds DROP CONSTRAINT holds_scope_check,
    ADD CONSTRAINT holds_scope_check CHECK (scope IN ('OUTCOME', 'MARKET', 'EVENT', 'SPORT', 'PRODUCER', 'ALL'));

-- A producer's markets in the order in which they follow its hold. (One of those alone that are not over would be taken
-- for lists by status, which it cannot order.)
CREATE INDEX markets_of_producer ON market.markets (producer, id);

-- A market is known by its source's key of it; its producer is the one who owns it now.
ALTER TABLE market.events RENAME COLUMN producer TO source;
ALTER TABLE market.markets ADD COLUMN source text CHECK (length(source) BETWEEN 1 AND 100);
UPDATE market.markets SET source = producer;
ALTER TABLE market.markets ALTER COLUMN source SET NOT NULL,
    DROP CONSTRAINT markets_source_key, ADD CONSTRAINT markets_source_key UNIQUE (source, source_key);
GRANT UPDATE (producer) ON market.markets TO overround_app;

GRANT SELECT, INSERT, UPDATE (state, reason, silence_ms_max, hearer, epoch, version, changed_at, seen_at) ON market.producers
    TO overround_app;
