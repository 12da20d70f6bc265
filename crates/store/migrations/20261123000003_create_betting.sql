-- Serves binaries from: 0.1.0
-- Bets, their legs, and what they were settled at.
CREATE SCHEMA betting;

CREATE DOMAIN betting.bet_status AS text CHECK (VALUE IN ('PENDING', 'SETTLED', 'VOID'));
CREATE DOMAIN betting.acceptance AS text CHECK (VALUE IN ('PENDING_ACCEPTANCE', 'ACCEPTED', 'NOT_ACCEPTED'));
CREATE DOMAIN betting.bet_result AS text
    CHECK (VALUE IN ('LOST', 'WON', 'PUSHED', 'HALF_WON', 'HALF_LOST', 'CASHED_OUT', 'PARTIAL'));
CREATE DOMAIN betting.bet_kind AS text CHECK (VALUE IN ('SINGLE', 'PARLAY'));
CREATE DOMAIN betting.price_policy AS text CHECK (VALUE ~ '^(NONE|HIGHER|ANY|WITHIN_[0-9]{1,3})$');
CREATE DOMAIN betting.void_policy AS text CHECK (VALUE IN ('VOID_ALL', 'REPRICE', 'LEG'));
CREATE DOMAIN betting.leg_type AS text CHECK (VALUE IN ('STRAIGHT', 'SGP', 'PROP'));
CREATE DOMAIN betting.leg_position AS smallint CHECK (VALUE BETWEEN 0 AND 19);
-- A price's numerator or denominator.
CREATE DOMAIN betting.price_term AS integer CHECK (VALUE BETWEEN 1 AND 1000000);
CREATE DOMAIN betting.leg_status AS text CHECK (VALUE IN ('OPEN', 'DECIDED'));

CREATE TABLE betting.bets (
    id                     uuid NOT NULL,
    cell                   smallint NOT NULL,
    account_id             uuid NOT NULL,
    stake_cents            meta.positive NOT NULL,
    currency               text NOT NULL,
    potential_payout_cents meta.positive NOT NULL,
    status                 betting.bet_status NOT NULL,
    acceptance             betting.acceptance NOT NULL,
    result                 betting.bet_result,
    kind                   betting.bet_kind NOT NULL,
    price_policy           betting.price_policy NOT NULL,
    void_policy            betting.void_policy NOT NULL,
    rules_version          meta.positive_integer NOT NULL,
    -- The market's delay, kept on the bet.
    bet_delay_ms           meta.not_negative NOT NULL,
    -- Paid back so far, and the generation of the settlement that says so; 0 before the first.
    returned_cents         meta.not_negative NOT NULL DEFAULT 0,
    settlement_generation  meta.not_negative_integer NOT NULL DEFAULT 0,
    -- Moved by every change of the bet: its events' aggregate_version.
    version                meta.positive NOT NULL DEFAULT 1,
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
    position       betting.leg_position NOT NULL,
    event_id       uuid NOT NULL,
    market_id      uuid NOT NULL,
    outcome_id     uuid NOT NULL,
    price_num      betting.price_term NOT NULL,
    price_den      betting.price_term NOT NULL,
    leg_type       betting.leg_type NOT NULL,
    attrs          meta.json_object NOT NULL DEFAULT '{}',
    line_quarters  integer,
    market_version meta.positive NOT NULL,
    status_version meta.positive NOT NULL,
    -- The leg's result: null while it is open. Void and dead-heat factors are fractions.
    status         betting.leg_status NOT NULL DEFAULT 'OPEN',
    won            boolean,
    void_num       smallint,
    void_den       smallint,
    dead_heat_num  integer,
    dead_heat_den  integer,
    void_reason    text,
    created_at     timestamptz NOT NULL,
    CONSTRAINT bet_legs_pkey PRIMARY KEY (bet_id, position, cell),
    CONSTRAINT bet_legs_price_above_one CHECK (price_num > price_den),
    CONSTRAINT bet_legs_factors_are_fractions CHECK (void_num >= 0 AND void_den >= void_num AND void_den > 0 AND dead_heat_num >= 0 AND dead_heat_den >= dead_heat_num AND dead_heat_den > 0),
    CONSTRAINT bet_legs_decided_has_result CHECK ((status = 'DECIDED') = (won IS NOT NULL AND void_num IS NOT NULL AND void_den IS NOT NULL AND dead_heat_num IS NOT NULL AND dead_heat_den IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX bet_legs_open_by_market ON betting.bet_legs (market_id, cell, bet_id) WHERE status = 'OPEN';

CREATE TABLE betting.settlements (
    id            uuid NOT NULL,
    cell          smallint NOT NULL,
    bet_id        uuid NOT NULL,
    account_id    uuid NOT NULL,
    generation    meta.positive_integer NOT NULL,
    status        betting.bet_status NOT NULL CHECK (status <> 'PENDING'),
    result        betting.bet_result,
    return_cents  meta.not_negative NOT NULL,
    certainty     meta.certainty NOT NULL,
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
