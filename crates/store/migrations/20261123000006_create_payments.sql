-- Serves binaries from: 0.1.0
-- Payments through payment service providers (PSPs). The application gets its rights with the use
-- cases that need them.
CREATE SCHEMA payments;

CREATE TABLE payments.payments (
    id              uuid NOT NULL,
    cell            smallint NOT NULL CHECK (cell >= 0),
    account_id      uuid NOT NULL,
    direction       text NOT NULL CHECK (direction IN ('DEPOSIT', 'WITHDRAWAL', 'CHARGEBACK', 'REFUND')),
    amount_cents    bigint NOT NULL CHECK (amount_cents > 0),
    currency        meta.currency NOT NULL,
    psp             text NOT NULL CHECK (psp ~ '^[a-z0-9_]{1,50}$'),
    psp_customer    text CHECK (length(psp_customer) BETWEEN 1 AND 255),
    -- Null until the PSP has answered.
    psp_txn_id      text CHECK (length(psp_txn_id) BETWEEN 1 AND 255),
    status          text NOT NULL CHECK (status IN ('CREATED', 'PENDING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'REVERSED')),
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    created_at      timestamptz NOT NULL,
    CONSTRAINT payments_pkey PRIMARY KEY (id, cell),
    CONSTRAINT payments_idempotency_key UNIQUE (account_id, idempotency_key, cell),
    CONSTRAINT payments_account_fkey FOREIGN KEY (account_id, cell) REFERENCES wallet.accounts (id, cell),
    CONSTRAINT payments_succeeded_has_txn CHECK (status <> 'SUCCEEDED' OR psp_txn_id IS NOT NULL)
);
CREATE INDEX payments_account_list ON payments.payments (account_id, created_at DESC, id DESC, cell);

-- A PSP's transaction belongs to one payment, whatever cell that lies in.
CREATE TABLE payments.psp_transactions (
    psp        text NOT NULL CHECK (psp ~ '^[a-z0-9_]{1,50}$'),
    psp_txn_id text NOT NULL CHECK (length(psp_txn_id) BETWEEN 1 AND 255),
    payment_id uuid NOT NULL,
    account_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT psp_transactions_pkey PRIMARY KEY (psp, psp_txn_id),
    CONSTRAINT psp_transactions_payment_key UNIQUE (payment_id, psp)
);

-- What a PSP told, each message once, as it came.
CREATE TABLE payments.psp_events (
    psp          text NOT NULL CHECK (psp ~ '^[a-z0-9_]{1,50}$'),
    psp_event_id text NOT NULL CHECK (length(psp_event_id) BETWEEN 1 AND 255),
    type         text NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
    psp_txn_id   text CHECK (length(psp_txn_id) BETWEEN 1 AND 255),
    payload      jsonb NOT NULL,
    received_at  timestamptz NOT NULL,
    -- Null until it was acted on.
    processed_at timestamptz CHECK (processed_at >= received_at),
    CONSTRAINT psp_events_pkey PRIMARY KEY (psp, psp_event_id)
);
CREATE INDEX psp_events_by_txn ON payments.psp_events (psp, psp_txn_id) WHERE psp_txn_id IS NOT NULL;
CREATE INDEX psp_events_unprocessed ON payments.psp_events (received_at) WHERE processed_at IS NULL;
