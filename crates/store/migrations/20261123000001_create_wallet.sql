-- Serves binaries from: 0.1.0
-- Wallet and ledger. A cell is a fixed share of the players: cell = hash(user_id) mod wallet.house.cells.
CREATE SCHEMA wallet;

CREATE DOMAIN wallet.account_kind AS text
    CHECK (VALUE IN ('PLAYER', 'HOLD', 'HOUSE', 'PSP_CLEARING', 'FEES', 'BONUS', 'FREE_BET', 'DEBT'));
CREATE DOMAIN wallet.account_status AS text
    CHECK (VALUE IN ('ACTIVE', 'DEBIT_FROZEN', 'CREDIT_FROZEN', 'FROZEN', 'CLOSED'));
CREATE DOMAIN wallet.recent_bets AS bigint[] CHECK (cardinality(VALUE) % 2 = 0);
CREATE DOMAIN wallet.entry_type AS text CHECK (VALUE IN ('HOLD', 'RELEASE', 'CREDIT', 'DEBIT', 'FEE'));
CREATE DOMAIN wallet.entry_amount AS bigint CHECK (VALUE <> 0);
CREATE DOMAIN wallet.ref_type AS text
    CHECK (VALUE IN ('BET', 'SETTLEMENT', 'DEPOSIT', 'WITHDRAWAL', 'ADJUSTMENT', 'TRANSFER', 'REVERSAL', 'CASHOUT', 'BONUS'));

-- One row, written when the database is made: what holds for its whole life.
CREATE TABLE wallet.house (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    cells      smallint NOT NULL CHECK (cells BETWEEN 1 AND 4096),
    created_at timestamptz NOT NULL
);

CREATE TABLE wallet.accounts (
    id               uuid NOT NULL,
    cell             smallint NOT NULL CHECK (cell >= 0),
    -- Null on the house's own accounts.
    user_id          uuid,
    -- The player account that a HOLD, BONUS, FREE_BET or DEBT account belongs to; null on all others.
    owner_account_id uuid,
    kind             wallet.account_kind NOT NULL,
    currency         meta.currency NOT NULL,
    status           wallet.account_status NOT NULL DEFAULT 'ACTIVE',
    balance_cents    bigint NOT NULL DEFAULT 0,
    -- The least balance; null where there is none (the house's accounts).
    floor_cents      bigint,
    -- Counts the entries of this account: the account_seq of its last one.
    seq              meta.not_negative NOT NULL DEFAULT 0,
    -- Pairs (fingerprint, milliseconds) of the bets of the last seconds: DUPLICATED_REQUEST is decided from them.
    recent_bets      wallet.recent_bets NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (id, cell),
    CONSTRAINT accounts_balance_not_below_floor CHECK (floor_cents IS NULL OR balance_cents >= floor_cents),
    CONSTRAINT accounts_debt_not_above_zero CHECK (kind <> 'DEBT' OR balance_cents <= 0),
    CONSTRAINT accounts_of_players_have_floors CHECK (user_id IS NULL OR floor_cents IS NOT NULL),
    CONSTRAINT accounts_player_has_user CHECK ((user_id IS NULL) = (kind IN ('HOUSE', 'PSP_CLEARING', 'FEES'))),
    CONSTRAINT accounts_owned_has_owner CHECK ((owner_account_id IS NOT NULL) = (kind IN ('HOLD', 'BONUS', 'FREE_BET', 'DEBT'))),
    CONSTRAINT accounts_owner_fkey FOREIGN KEY (owner_account_id, cell) REFERENCES wallet.accounts (id, cell)
-- Room for a new version of every row of a page: an update that moves to another page writes the indexes, and
-- whoever has read those would be undone.
) WITH (fillfactor = 45);
CREATE UNIQUE INDEX accounts_user_kind_currency_key ON wallet.accounts (user_id, kind, currency, cell) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX accounts_house_kind_currency_key ON wallet.accounts (cell, kind, currency) WHERE user_id IS NULL;
CREATE UNIQUE INDEX accounts_owner_kind_key ON wallet.accounts (owner_account_id, kind, cell) WHERE owner_account_id IS NOT NULL;

-- No foreign key to accounts, here and on bets: it would lock and write the account's row once more for each
-- entry. No role may delete an account, a lane posts only to rows that it has loaded, and doctor finds what
-- has none (L2).
CREATE TABLE wallet.ledger_entries (
    id            uuid NOT NULL,
    cell          smallint NOT NULL,
    account_id    uuid NOT NULL,
    posting_id    uuid NOT NULL,
    account_seq   meta.positive NOT NULL,
    amount_cents  wallet.entry_amount NOT NULL,
    currency      text NOT NULL,
    balance_after bigint NOT NULL,
    type          wallet.entry_type NOT NULL,
    ref_type      wallet.ref_type NOT NULL,
    ref_id        uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT ledger_entries_pkey PRIMARY KEY (account_id, created_at, id, cell)
) PARTITION BY RANGE (created_at);
CREATE INDEX ledger_entries_created_at_brin ON wallet.ledger_entries USING brin (created_at);
INSERT INTO meta.partitioned VALUES ('wallet', 'ledger_entries', 'month', interval '35 days', false);

CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON wallet.ledger_entries
    FOR EACH ROW EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER ledger_entries_not_truncated BEFORE TRUNCATE ON wallet.ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

-- A posting is written by one statement, so that what a statement wrote is what must balance.
CREATE FUNCTION wallet.refuse_unbalanced() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    broken record;
BEGIN
    SELECT posting_id, currency, sum(amount_cents) AS total INTO broken
    FROM inserted GROUP BY posting_id, currency HAVING sum(amount_cents) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'posting % does not balance: its entries in % sum to %',
            broken.posting_id, broken.currency, broken.total
            USING ERRCODE = 'check_violation', SCHEMA = 'wallet', TABLE = 'ledger_entries', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_balanced AFTER INSERT ON wallet.ledger_entries
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_unbalanced();

-- (account_id, key): one request, one effect, one answer; never expires.
CREATE TABLE wallet.idempotency (
    account_id   uuid NOT NULL,
    key          meta.name_or_key NOT NULL,
    cell         smallint NOT NULL,
    request_hash meta.sha256 NOT NULL,
    -- The bet that the request placed. Null where it placed none.
    bet_id       uuid,
    -- The first answer. Null on an accepted bet, whose answer is its receipt, rendered from its frozen rows.
    answer       jsonb,
    created_at   timestamptz NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (account_id, key, cell)
);

-- A claim may be answered or given back in the transaction that made it; from its commit on it is fixed.
CREATE TRIGGER idempotency_fixed BEFORE UPDATE OR DELETE ON wallet.idempotency
    FOR EACH ROW WHEN (OLD.xmin <> pg_current_xact_id()::xid) EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER idempotency_not_truncated BEFORE TRUNCATE ON wallet.idempotency
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

-- The same for acts that have no player's account (open, suspend, settle): (actor, key).
CREATE TABLE wallet.actor_idempotency (
    actor        meta.name_or_key NOT NULL,
    key          meta.name_or_key NOT NULL,
    request_hash meta.sha256 NOT NULL,
    answer       jsonb,
    created_at   timestamptz NOT NULL,
    CONSTRAINT actor_idempotency_pkey PRIMARY KEY (actor, key)
);
CREATE TRIGGER actor_idempotency_fixed BEFORE UPDATE OR DELETE ON wallet.actor_idempotency
    FOR EACH ROW WHEN (OLD.xmin <> pg_current_xact_id()::xid) EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER actor_idempotency_not_truncated BEFORE TRUNCATE ON wallet.actor_idempotency
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

-- A posting is reversed at most once; a partitioned table cannot hold that.
CREATE TABLE wallet.reversals (
    posting_id   uuid NOT NULL,
    reversed_by  uuid NOT NULL,
    cell         smallint NOT NULL,
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    author       meta.name_or_key NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT reversals_pkey PRIMARY KEY (posting_id, cell)
);
CREATE TRIGGER reversals_append_only BEFORE UPDATE OR DELETE ON wallet.reversals
    FOR EACH ROW EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER reversals_not_truncated BEFORE TRUNCATE ON wallet.reversals
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

-- Each freezing and unfreezing of a player's account, numbered, with the status that it left.
CREATE TABLE wallet.freezes (
    account_id   uuid NOT NULL,
    version      meta.positive NOT NULL,
    cell         smallint NOT NULL,
    act          text NOT NULL CHECK (act IN ('FREEZE', 'UNFREEZE')),
    way          text NOT NULL CHECK (way IN ('DEBIT', 'CREDIT', 'BOTH')),
    status       wallet.account_status NOT NULL CHECK (status <> 'CLOSED'),
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    author       meta.name_or_key NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT freezes_pkey PRIMARY KEY (account_id, version, cell)
);
CREATE TRIGGER freezes_append_only BEFORE UPDATE OR DELETE ON wallet.freezes
    FOR EACH ROW EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER freezes_not_truncated BEFORE TRUNCATE ON wallet.freezes
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA wallet FROM PUBLIC;
GRANT USAGE ON SCHEMA wallet TO overround_app;
GRANT SELECT ON wallet.house TO overround_app;
GRANT SELECT, INSERT, UPDATE (status, balance_cents, seq, recent_bets) ON wallet.accounts TO overround_app;
GRANT SELECT, INSERT ON wallet.ledger_entries, wallet.reversals, wallet.freezes TO overround_app;
GRANT SELECT, INSERT, DELETE, UPDATE (bet_id, answer) ON wallet.idempotency TO overround_app;
GRANT SELECT, INSERT, DELETE, UPDATE (answer) ON wallet.actor_idempotency TO overround_app;
