-- Serves binaries from: 0.1.0
-- What each account's bets of its last day may return together, where the house bounds it.
CREATE TABLE betting.day_payouts (
    account_id   uuid NOT NULL,
    cell         smallint NOT NULL CHECK (cell >= 0),
    -- The day in UTC, counted from 1970-01-01.
    day          bigint NOT NULL,
    -- The potential payouts of the bets that were accepted on it, in minor units.
    payout_cents meta.not_negative NOT NULL,
    CONSTRAINT day_payouts_pkey PRIMARY KEY (account_id, cell)
) WITH (fillfactor = 60);

GRANT SELECT, INSERT, UPDATE (day, payout_cents) ON betting.day_payouts TO overround_app;
