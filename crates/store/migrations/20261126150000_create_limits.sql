-- Serves binaries from: 0.1.0
-- What limits the stake of one bet: limits by scope, and the accounts' factors.

-- One number that every change of the rows below moves. Each batch of bets reads it with its fences, and reads the
-- limits themselves only when it is another one than last time.
CREATE TABLE betting.limits_version (
    id      smallint PRIMARY KEY CHECK (id = 1),
    version meta.not_negative NOT NULL
);
INSERT INTO betting.limits_version VALUES (1, 0);

-- One row a scope and currency that was ever limited. Amounts in minor units; all null when it is let go.
CREATE TABLE betting.limits (
    id              uuid PRIMARY KEY,
    scope           text NOT NULL CHECK (scope IN ('DEFAULT', 'SPORT', 'MARKET_TYPE', 'MARKET')),
    -- Nothing; the sport; the type; the market's UUID.
    scope_key       text NOT NULL CHECK (length(scope_key) <= 100),
    currency        meta.currency NOT NULL,
    volume_cents    meta.not_negative,
    liability_cents meta.not_negative,
    stake_cents     meta.not_negative,
    -- Counts its changes, and with them its events.
    version         meta.positive NOT NULL,
    actor           meta.name_or_key NOT NULL,
    reason          text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    changed_at      timestamptz NOT NULL,
    CONSTRAINT limits_scope UNIQUE (scope, scope_key, currency)
);
CREATE INDEX limits_list ON betting.limits (changed_at DESC, id DESC);

-- What an account's limits are multiplied by in a sport, in hundredths.
CREATE TABLE betting.account_factors (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    sport      text NOT NULL CHECK (length(sport) BETWEEN 1 AND 100),
    factor_pct smallint NOT NULL CHECK (factor_pct BETWEEN 0 AND 500),
    version    meta.positive NOT NULL,
    actor      meta.name_or_key NOT NULL,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    changed_at timestamptz NOT NULL,
    CONSTRAINT account_factors_account UNIQUE (account_id, sport)
);

CREATE FUNCTION betting.count_limit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE betting.limits_version SET version = version + 1 WHERE id = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER limits_counted AFTER INSERT OR UPDATE ON betting.limits
    FOR EACH STATEMENT EXECUTE FUNCTION betting.count_limit_change();
CREATE TRIGGER account_factors_counted AFTER INSERT OR UPDATE ON betting.account_factors
    FOR EACH STATEMENT EXECUTE FUNCTION betting.count_limit_change();
-- Processes keep which sport a market is of for as long as the limits do not change.
CREATE TRIGGER events_sport_counted AFTER UPDATE OF sport ON market.events
    FOR EACH ROW WHEN (OLD.sport IS DISTINCT FROM NEW.sport) EXECUTE FUNCTION betting.count_limit_change();

-- How the stake was limited, frozen: null where nothing but the house's own numbers limits it.
ALTER TABLE betting.bets ADD COLUMN limit_decision meta.json_object;

REVOKE EXECUTE ON FUNCTION betting.count_limit_change() FROM PUBLIC;
GRANT SELECT, UPDATE (version) ON betting.limits_version TO overround_app;
GRANT SELECT, INSERT,
    UPDATE (volume_cents, liability_cents, stake_cents, version, actor, reason, changed_at)
    ON betting.limits TO overround_app;
GRANT SELECT, INSERT, UPDATE (factor_pct, version, actor, reason, changed_at)
    ON betting.account_factors TO overround_app;
