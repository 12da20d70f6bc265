-- Serves binaries from: 0.1.0
-- Market data: events, markets, outcomes, the fences that bets are checked against, every version sold.
CREATE SCHEMA market;

CREATE DOMAIN market.market_status AS text
    CHECK (VALUE IN ('INACTIVE', 'OPEN', 'SUSPENDED', 'CLOSED', 'SETTLED', 'CANCELLED'));

CREATE TABLE market.events (
    id         uuid PRIMARY KEY,
    producer   text NOT NULL CHECK (length(producer) BETWEEN 1 AND 100),
    source_key text NOT NULL CHECK (length(source_key) BETWEEN 1 AND 200),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 300),
    sport      text NOT NULL CHECK (length(sport) BETWEEN 1 AND 100),
    starts_at  timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT events_source_key UNIQUE (producer, source_key)
);
CREATE INDEX events_list ON market.events (created_at DESC, id DESC);
CREATE INDEX events_sport ON market.events (sport);

CREATE TABLE market.markets (
    id                uuid PRIMARY KEY,
    event_id          uuid NOT NULL REFERENCES market.events (id),
    producer          text NOT NULL CHECK (length(producer) BETWEEN 1 AND 100),
    source_key        text NOT NULL CHECK (length(source_key) BETWEEN 1 AND 200),
    market_type       text NOT NULL CHECK (length(market_type) BETWEEN 1 AND 100),
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 300),
    kind              text NOT NULL CHECK (kind IN ('ODDS', 'LINE')),
    number_of_winners integer NOT NULL CHECK (number_of_winners >= 0),
    tie_rule          text NOT NULL CHECK (tie_rule IN ('DEAD_HEAT', 'PUSH', 'DRAW_IS_AN_OUTCOME')),
    rules_version     meta.positive_integer NOT NULL,
    -- What the producer says, and what follows from that, the prices and the holds.
    source_status     text NOT NULL CHECK (source_status IN ('INACTIVE', 'OPEN', 'SUSPENDED', 'CLOSED')),
    -- {"<uuid>": {num, den}}: the producer's best price to back each outcome, where it has one.
    source_prices     meta.json_object NOT NULL DEFAULT '{}',
    status            market.market_status NOT NULL,
    in_play           boolean NOT NULL,
    bet_delay_ms      meta.not_negative NOT NULL,
    cutoff_at         timestamptz,
    -- The versions of the last snapshot: the row that every change of the market locks.
    version           meta.not_negative NOT NULL,
    status_version    meta.not_negative NOT NULL,
    created_at        timestamptz NOT NULL,
    -- The market's own margin; null where it has the house's.
    margin_method     text CHECK (margin_method IN ('PROPORTIONAL', 'POWER')),
    margin_bps        integer CHECK (margin_bps BETWEEN 0 AND 5000),
    -- {"<uuid>": {num, den}}: what a trader sells outcomes at instead of the price made from the producer's.
    manual_prices     meta.json_object NOT NULL DEFAULT '{}',
    CONSTRAINT markets_source_key UNIQUE (producer, source_key),
    CONSTRAINT markets_margin CHECK ((margin_method IS NULL) = (margin_bps IS NULL))
);
CREATE INDEX markets_list ON market.markets (created_at DESC, id DESC);
-- A new version of a market changes its row and not its status, and so touches no index.
CREATE INDEX markets_status_list ON market.markets (status, created_at DESC, id DESC);
CREATE INDEX markets_event_list ON market.markets (event_id, created_at DESC, id DESC);

CREATE TABLE market.outcomes (
    id            uuid PRIMARY KEY,
    market_id     uuid NOT NULL REFERENCES market.markets (id),
    source_key    text NOT NULL CHECK (length(source_key) BETWEEN 1 AND 200),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 300),
    -- The handicap or total in quarters; null outside line markets.
    line_quarters integer,
    pair          integer,
    position      integer NOT NULL,
    status        text NOT NULL CHECK (status IN ('ACTIVE', 'REMOVED')),
    CONSTRAINT outcomes_source_key UNIQUE (market_id, source_key)
);

-- One row a cell and market: what a bet is checked against, FOR SHARE. Prices never change it.
CREATE TABLE market.fences (
    market_id      uuid NOT NULL REFERENCES market.markets (id),
    cell           smallint NOT NULL CHECK (cell >= 0),
    status         market.market_status NOT NULL,
    status_version meta.positive NOT NULL,
    CONSTRAINT fences_pkey PRIMARY KEY (market_id, cell)
) WITH (fillfactor = 60);

-- What is kept off sale whatever its producer says: one row a scope that was ever held.
CREATE TABLE market.holds (
    id         uuid PRIMARY KEY,
    scope      text NOT NULL CHECK (scope IN ('OUTCOME', 'MARKET', 'EVENT', 'SPORT', 'ALL')),
    -- The UUID of the outcome, market or event; the sport; nothing.
    scope_key  text NOT NULL CHECK (length(scope_key) <= 100),
    -- Of an outcome or a market: the market.
    market_id  uuid REFERENCES market.markets (id),
    -- What it keeps its markets at; null when it is let go.
    kind       text CHECK (kind IN ('REVIEW', 'SUSPENDED', 'CLOSED')),
    -- Whether there may be markets that have not followed its last change yet.
    pending    boolean NOT NULL,
    -- Counts its changes, and with them its events.
    version    meta.positive NOT NULL,
    actor      meta.name_or_key NOT NULL,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    changed_at timestamptz NOT NULL,
    CONSTRAINT holds_scope UNIQUE (scope, scope_key),
    CONSTRAINT holds_market CHECK ((market_id IS NOT NULL) = (scope IN ('OUTCOME', 'MARKET'))),
    -- One market follows in the transaction that changes its hold.
    CONSTRAINT holds_follow CHECK (NOT pending OR market_id IS NULL),
    CONSTRAINT holds_kind CHECK (kind IS NULL OR kind = 'SUSPENDED' OR scope = 'MARKET')
);
CREATE INDEX holds_of_market ON market.holds (market_id) WHERE kind IS NOT NULL;
CREATE INDEX holds_list ON market.holds (changed_at DESC, id DESC) WHERE kind IS NOT NULL;
CREATE INDEX holds_pending ON market.holds (id) WHERE pending;

-- Every version that was ever on sale.
CREATE TABLE market.price_versions (
    market_id      uuid NOT NULL,
    version        meta.positive NOT NULL,
    status_version meta.positive NOT NULL,
    status         market.market_status NOT NULL,
    in_play        boolean NOT NULL,
    bet_delay_ms   meta.not_negative NOT NULL,
    -- {"<uuid>": {num, den, line_quarters?}} and [{outcome_id: "<uuid>", reason}]: the outcomes' UUIDs
    -- as stored, not their ids on the wire, so that SQL can join them.
    prices         meta.json_object NOT NULL,
    suspensions    meta.json_array NOT NULL,
    as_of          timestamptz NOT NULL,
    producer       text NOT NULL CHECK (length(producer) BETWEEN 1 AND 100),
    CONSTRAINT price_versions_pkey PRIMARY KEY (market_id, version, as_of)
) PARTITION BY RANGE (as_of);
INSERT INTO meta.partitioned VALUES ('market', 'price_versions', 'day', interval '3 days', false);
CREATE TRIGGER price_versions_append_only BEFORE UPDATE OR DELETE ON market.price_versions
    FOR EACH ROW EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER price_versions_not_truncated BEFORE TRUNCATE ON market.price_versions
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

-- A market's result: one row a generation, the newest counts.
CREATE TABLE market.results (
    market_id  uuid NOT NULL REFERENCES market.markets (id),
    generation meta.positive_integer NOT NULL,
    -- {"<uuid>": the outcome's result}, by UUIDs as stored.
    outcomes   meta.json_object NOT NULL,
    certainty  meta.certainty NOT NULL,
    source     text NOT NULL CHECK (length(source) BETWEEN 1 AND 255),
    reason     text CHECK (length(reason) <= 1000),
    created_at timestamptz NOT NULL,
    CONSTRAINT results_pkey PRIMARY KEY (market_id, generation)
);
CREATE TRIGGER results_append_only BEFORE UPDATE OR DELETE ON market.results
    FOR EACH ROW EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER results_not_truncated BEFORE TRUNCATE ON market.results
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

GRANT USAGE ON SCHEMA market TO overround_app;
GRANT SELECT, INSERT, UPDATE (name, sport, starts_at) ON market.events TO overround_app;
GRANT SELECT, INSERT,
    UPDATE (name, number_of_winners, source_status, source_prices, status, in_play, bet_delay_ms, cutoff_at, version, status_version,
    margin_method, margin_bps, manual_prices) ON market.markets TO overround_app;
GRANT SELECT, INSERT, UPDATE (name, line_quarters, pair, position, status) ON market.outcomes TO overround_app;
GRANT SELECT, INSERT, UPDATE (status, status_version) ON market.fences TO overround_app;
GRANT SELECT, INSERT, UPDATE (kind, pending, version, actor, reason, changed_at) ON market.holds TO overround_app;
GRANT SELECT, INSERT ON market.price_versions, market.results TO overround_app;
