-- Serves binaries from: 0.1.0
-- Who a player is, where they are, and what they or the house forbid them. The application gets its
-- rights with the use cases that need them.
CREATE SCHEMA compliance;

CREATE TABLE compliance.kyc_status (
    user_id      uuid PRIMARY KEY,
    status       text NOT NULL CHECK (status IN ('UNVERIFIED', 'PENDING', 'VERIFIED', 'REJECTED', 'EXPIRED')),
    provider_ref text CHECK (length(provider_ref) BETWEEN 1 AND 255),
    updated_at   timestamptz NOT NULL,
    CONSTRAINT kyc_status_verified_by_provider CHECK (status <> 'VERIFIED' OR provider_ref IS NOT NULL)
);
CREATE INDEX kyc_status_list ON compliance.kyc_status (status, updated_at DESC, user_id);

-- Every check of a player's place, the blocked ones above all.
CREATE TABLE compliance.geo_checks (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL,
    -- The sporting event that the player wanted to bet on; null for a check without a bet.
    event_id     uuid,
    check_ts     timestamptz NOT NULL,
    result       text NOT NULL CHECK (result IN ('ALLOWED', 'BLOCKED', 'UNKNOWN')),
    provider     text NOT NULL CHECK (length(provider) BETWEEN 1 AND 100),
    provider_ref text CHECK (length(provider_ref) BETWEEN 1 AND 255)
);
CREATE INDEX geo_checks_of_user ON compliance.geo_checks (user_id, check_ts DESC, id DESC);
CREATE INDEX geo_checks_blocked ON compliance.geo_checks (check_ts DESC, id DESC) WHERE result <> 'ALLOWED';

-- The evidence that a bet was taken on.
CREATE TABLE compliance.bet_evidence (
    bet_id           uuid NOT NULL,
    cell             smallint NOT NULL CHECK (cell >= 0),
    geo_check_id     uuid REFERENCES compliance.geo_checks (id),
    kyc_status       text,
    kyc_provider_ref text,
    created_at       timestamptz NOT NULL,
    CONSTRAINT bet_evidence_pkey PRIMARY KEY (bet_id, cell)
);
CREATE INDEX bet_evidence_by_geo_check ON compliance.bet_evidence (geo_check_id) WHERE geo_check_id IS NOT NULL;

-- A player's own limits, as a history: what is in force is ACTIVE, an increase waits as PENDING.
CREATE TABLE compliance.limits (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('DEPOSIT', 'LOSS', 'STAKE')),
    period         text NOT NULL CHECK (period IN ('DAY', 'WEEK', 'MONTH')),
    -- Rolling over 24 hours, 7 days or a month; or by the calendar, where the jurisdiction says so.
    calendar       boolean NOT NULL DEFAULT false,
    amount_cents   bigint NOT NULL CHECK (amount_cents >= 0),
    currency       meta.currency NOT NULL,
    status         text NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'ENDED', 'LAPSED')),
    requested_at   timestamptz NOT NULL,
    -- An increase can be confirmed from the first instant on, until the second.
    confirmable_at timestamptz CHECK (confirmable_at >= requested_at),
    lapses_at      timestamptz CHECK (lapses_at > confirmable_at),
    active_from    timestamptz CHECK (active_from >= requested_at),
    ended_at       timestamptz CHECK (ended_at >= requested_at),
    CONSTRAINT limits_active_has_start CHECK (status <> 'ACTIVE' OR (active_from IS NOT NULL AND ended_at IS NULL)),
    CONSTRAINT limits_pending_can_lapse CHECK (status <> 'PENDING' OR (confirmable_at IS NOT NULL AND lapses_at IS NOT NULL)),
    CONSTRAINT limits_over_has_end CHECK ((status IN ('ENDED', 'LAPSED')) = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX limits_in_force_key ON compliance.limits (user_id, kind, period, currency, status)
    WHERE status IN ('PENDING', 'ACTIVE');
CREATE INDEX limits_of_user ON compliance.limits (user_id, requested_at DESC, id DESC);

CREATE TABLE compliance.exclusions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('TIME_OUT', 'SELF_EXCLUSION')),
    starts_at  timestamptz NOT NULL,
    -- Null for ever, which only a self-exclusion is.
    ends_at    timestamptz CHECK (ends_at > starts_at),
    reason     text CHECK (length(reason) <= 1000),
    author     text NOT NULL CHECK (length(author) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL,
    CONSTRAINT exclusions_time_out_ends CHECK (kind <> 'TIME_OUT' OR ends_at IS NOT NULL)
);
CREATE INDEX exclusions_of_user ON compliance.exclusions (user_id, ends_at DESC, starts_at);
