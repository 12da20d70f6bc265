-- Serves binaries from: 0.1.0
-- Hard caps: what all bets together may cost the house on a sport, an event, a market, an outcome or a combination of legs.

-- One row a scope, currency and measure that was ever capped.
CREATE TABLE betting.caps (
    id           uuid PRIMARY KEY,
    scope        text NOT NULL CHECK (scope IN ('SPORT', 'EVENT', 'MARKET', 'OUTCOME', 'COMBINATION')),
    -- A sport's name, the bytes of a UUID, or the combination's hash.
    scope_key    bytea NOT NULL CHECK (length(scope_key) BETWEEN 1 AND 100),
    -- The event, the market, the outcome, or the combination's outcomes.
    members      uuid[] NOT NULL CHECK (cardinality(members) <= 20),
    currency     meta.currency NOT NULL,
    -- What is counted of each bet: what an open one may win, or what any was staked.
    measure      text NOT NULL CHECK (measure IN ('LIABILITY', 'STAKES')),
    -- The most of it, in minor units; null when the cap is let go.
    amount_cents meta.not_negative,
    -- Counts its changes, and with them its events.
    version      meta.positive NOT NULL,
    actor        meta.name_or_key NOT NULL,
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    changed_at   timestamptz NOT NULL,
    CONSTRAINT caps_scope UNIQUE (scope, scope_key, currency, measure)
);
CREATE INDEX caps_list ON betting.caps (changed_at DESC, id DESC) WHERE amount_cents IS NOT NULL;
CREATE TRIGGER caps_counted AFTER INSERT OR UPDATE ON betting.caps
    FOR EACH STATEMENT EXECUTE FUNCTION betting.count_limit_change();

-- Each cell's share of a cap, and how much of it bets took. The shares are together no more than the cap; what they
-- leave of it belongs to nobody, until a cell that runs short takes it.
CREATE TABLE betting.allowances (
    cap_id      uuid NOT NULL REFERENCES betting.caps (id),
    cell        smallint NOT NULL CHECK (cell >= 0),
    share_cents meta.not_negative NOT NULL,
    used_cents  meta.not_negative NOT NULL,
    CONSTRAINT allowances_pkey PRIMARY KEY (cap_id, cell),
    CONSTRAINT allowances_within_share CHECK (used_cents <= share_cents)
) WITH (fillfactor = 60);

GRANT SELECT, INSERT, UPDATE (amount_cents, version, actor, reason, changed_at) ON betting.caps TO overround_app;
GRANT SELECT, INSERT, UPDATE (share_cents, used_cents) ON betting.allowances TO overround_app;
