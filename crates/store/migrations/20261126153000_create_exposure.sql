-- Serves binaries from: 0.1.0
-- How far consumers have read the outbox, and what open bets come to by market.

-- One row a consumer that reads the outbox as a log. It moves in the transaction of the consumer's effect: the place is
-- its inbox, and no event has its effect twice.
CREATE TABLE events.checkpoints (
    consumer text PRIMARY KEY CHECK (length(consumer) BETWEEN 1 AND 100),
    -- The last event that was read; all before it in this order were.
    xid8     xid8 NOT NULL,
    identity bigint NOT NULL,
    -- The cluster whose transactions these are: on another one the numbers mean nothing.
    cluster  bigint NOT NULL,
    moved_at timestamptz NOT NULL
);

-- What the open bets of a market come to: absolute figures, as of the checkpoint of the consumer `exposure`.
CREATE TABLE betting.exposure (
    market_id  uuid PRIMARY KEY,
    -- Counts its changes.
    version    meta.positive NOT NULL,
    -- {currency: {"<outcome's uuid>": {stakes, payouts, multiples}}} in minor units; nothing where no bet is open.
    figures    meta.json_object NOT NULL,
    changed_at timestamptz NOT NULL
) WITH (fillfactor = 60);

GRANT SELECT, INSERT, UPDATE (xid8, identity, cluster, moved_at) ON events.checkpoints TO overround_app;
GRANT SELECT, INSERT, UPDATE (version, figures, changed_at) ON betting.exposure TO overround_app;
