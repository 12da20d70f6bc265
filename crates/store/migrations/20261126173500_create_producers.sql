-- Serves binaries from: 0.1.0
-- Live producers of market data: which process hears each, and whether it may be trusted.
CREATE TABLE market.producers (
    name           text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 100),
    -- What its events are about.
    id             uuid NOT NULL CONSTRAINT producers_id UNIQUE,
    state          text NOT NULL CHECK (state IN ('UP', 'RECOVERING', 'DOWN')),
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    -- How long it may be silent.
    silence_ms_max meta.positive NOT NULL,
    -- Counts the processes that have heard it: only the last one may speak for it.
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

GRANT SELECT, INSERT, UPDATE (state, reason, silence_ms_max, epoch, version, changed_at, seen_at) ON market.producers
    TO overround_app;
