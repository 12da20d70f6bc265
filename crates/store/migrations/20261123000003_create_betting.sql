-- Serves binaries from: 0.1.0
-- Bets, their legs, and what they were settled at.
CREATE SCHEMA betting;

CREATE TABLE betting.bets (
    id                     uuid NOT NULL,
    cell                   smallint NOT NULL,
    account_id             uuid NOT NULL,
    stake_cents            bigint NOT NULL CHECK (stake_cents > 0),
    currency               text NOT NULL,
    potential_payout_cents bigint NOT NULL CHECK (potential_payout_cents > 0),
    status                 text NOT NULL CHECK (status IN ('PENDING', 'SETTLED', 'VOID')),
    acceptance             text NOT NULL CHECK (acceptance IN ('PENDING_ACCEPTANCE', 'ACCEPTED', 'NOT_ACCEPTED')),
    result                 text CHECK (result IN ('LOST', 'WON', 'PUSHED', 'HALF_WON', 'HALF_LOST', 'CASHED_OUT', 'PARTIAL')),
    kind                   text NOT NULL CHECK (kind IN ('SINGLE', 'PARLAY')),
    price_policy           text NOT NULL CHECK (price_policy ~ '^(NONE|HIGHER|ANY|WITHIN_[0-9]{1,3})$'),
    void_policy            text NOT NULL CHECK (void_policy IN ('VOID_ALL', 'REPRICE', 'LEG')),
    rules_version          integer NOT NULL CHECK (rules_version > 0),
    -- The market's delay, kept on the bet.
    bet_delay_ms           bigint NOT NULL CHECK (bet_delay_ms >= 0),
    -- Paid back so far, and the generation of the settlement that says so; 0 before the first.
    returned_cents         bigint NOT NULL DEFAULT 0 CHECK (returned_cents >= 0),
    settlement_generation  integer NOT NULL DEFAULT 0 CHECK (settlement_generation >= 0),
    -- Moved by every change of the bet: its events' aggregate_version.
    version                bigint NOT NULL DEFAULT 1 CHECK (version > 0),
    accepted_at            timestamptz,
    settled_at             timestamptz,
    created_at             timestamptz NOT NULL,
    CONSTRAINT bets_pkey PRIMARY KEY (account_id, created_at, id, cell),
    CONSTRAINT bets_result_when_settled CHECK ((result IS NOT NULL) = (status = 'SETTLED'))
) WITH (fillfactor = 80);

CREATE TABLE betting.bet_legs (
    id             uuid NOT NULL,
    cell           smallint NOT NULL,
    bet_id         uuid NOT NULL,
    account_id     uuid NOT NULL,
    position       smallint NOT NULL CHECK (position BETWEEN 0 AND 19),
    event_id       uuid NOT NULL,
    market_id      uuid NOT NULL,
    outcome_id     uuid NOT NULL,
    price_num      integer NOT NULL CHECK (price_num BETWEEN 1 AND 1000000),
    price_den      integer NOT NULL CHECK (price_den BETWEEN 1 AND 1000000 AND price_num > price_den),
    leg_type       text NOT NULL CHECK (leg_type IN ('STRAIGHT', 'SGP', 'PROP')),
    attrs          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attrs) = 'object'),
    line_quarters  integer,
    market_version bigint NOT NULL CHECK (market_version > 0),
    status_version bigint NOT NULL CHECK (status_version > 0),
    -- The leg's result: null while it is open. Void and dead-heat factors are fractions.
    status         text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'DECIDED')),
    won            boolean,
    void_num       smallint CHECK (void_num >= 0),
    void_den       smallint CHECK (void_den >= void_num AND void_den > 0),
    dead_heat_num  integer CHECK (dead_heat_num >= 0),
    dead_heat_den  integer CHECK (dead_heat_den >= dead_heat_num AND dead_heat_den > 0),
    void_reason    text,
    created_at     timestamptz NOT NULL,
    CONSTRAINT bet_legs_pkey PRIMARY KEY (bet_id, position, cell),
    CONSTRAINT bet_legs_decided_has_result CHECK ((status = 'DECIDED') = (won IS NOT NULL AND void_num IS NOT NULL AND void_den IS NOT NULL AND dead_heat_num IS NOT NULL AND dead_heat_den IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX bet_legs_open_by_market ON betting.bet_legs (market_id, cell, bet_id) WHERE status = 'OPEN';

CREATE TABLE betting.settlements (
    id            uuid NOT NULL,
    cell          smallint NOT NULL,
    bet_id        uuid NOT NULL,
    account_id    uuid NOT NULL,
    generation    integer NOT NULL CHECK (generation > 0),
    status        text NOT NULL CHECK (status IN ('SETTLED', 'VOID')),
    result        text CHECK (result IN ('LOST', 'WON', 'PUSHED', 'HALF_WON', 'HALF_LOST', 'CASHED_OUT', 'PARTIAL')),
    return_cents  bigint NOT NULL CHECK (return_cents >= 0),
    certainty     smallint NOT NULL CHECK (certainty IN (1, 2)),
    source        text NOT NULL,
    reason        text,
    created_at    timestamptz NOT NULL,
    CONSTRAINT settlements_pkey PRIMARY KEY (bet_id, generation, cell)
);
CREATE TRIGGER settlements_append_only BEFORE UPDATE OR DELETE ON betting.settlements
    FOR EACH ROW EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER settlements_not_truncated BEFORE TRUNCATE ON betting.settlements
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

GRANT USAGE ON SCHEMA betting TO overround_app;
GRANT SELECT, INSERT,
    UPDATE (status, acceptance, result, returned_cents, settlement_generation, version, accepted_at, settled_at)
    ON betting.bets TO overround_app;
GRANT SELECT, INSERT,
    UPDATE (status, won, void_num, void_den, dead_heat_num, dead_heat_den, void_reason)
    ON betting.bet_legs TO overround_app;
GRANT SELECT, INSERT ON betting.settlements TO overround_app;
