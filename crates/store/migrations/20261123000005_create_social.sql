-- Serves binaries from: 0.1.0
-- Profiles, who follows whom, bets shown to others, leaderboards. The application gets its rights with
-- the use cases that need them.
CREATE SCHEMA social;

CREATE TABLE social.profiles (
    user_id          uuid PRIMARY KEY,
    -- The identity provider's subject.
    idp_user_id      text NOT NULL CHECK (length(idp_user_id) BETWEEN 1 AND 255),
    handle           text NOT NULL CHECK (handle ~ '^[A-Za-z0-9_]{3,30}$'),
    is_public        boolean NOT NULL DEFAULT false,
    stake_visibility text NOT NULL DEFAULT 'hidden' CHECK (stake_visibility IN ('hidden', 'rounded', 'exact')),
    live_delay_sec   integer NOT NULL DEFAULT 0 CHECK (live_delay_sec BETWEEN 0 AND 86400),
    bio              text NOT NULL DEFAULT '' CHECK (length(bio) <= 1000),
    created_at       timestamptz NOT NULL,
    CONSTRAINT profiles_idp_user_id_key UNIQUE (idp_user_id)
);
-- Two handles that differ in case only would be taken for each other.
CREATE UNIQUE INDEX profiles_handle_key ON social.profiles (lower(handle));

CREATE TABLE social.public_bets (
    bet_id       uuid PRIMARY KEY,
    account_id   uuid NOT NULL,
    visible_from timestamptz NOT NULL,
    stake_mode   text NOT NULL CHECK (stake_mode IN ('hidden', 'rounded', 'exact')),
    created_at   timestamptz NOT NULL
);
CREATE INDEX public_bets_visible_from ON social.public_bets (visible_from DESC, bet_id DESC);
CREATE INDEX public_bets_account_list ON social.public_bets (account_id, visible_from DESC, bet_id DESC);

CREATE TABLE social.follows (
    follower_id uuid NOT NULL REFERENCES social.profiles (user_id),
    followee_id uuid NOT NULL REFERENCES social.profiles (user_id),
    created_at  timestamptz NOT NULL,
    CONSTRAINT follows_pkey PRIMARY KEY (follower_id, followee_id),
    CONSTRAINT follows_not_oneself CHECK (follower_id <> followee_id)
);
CREATE INDEX follows_by_followee ON social.follows (followee_id, follower_id);
CREATE INDEX follows_following_list ON social.follows (follower_id, created_at DESC, followee_id);
CREATE INDEX follows_followers_list ON social.follows (followee_id, created_at DESC, follower_id);

CREATE TABLE social.leaderboard_ranks (
    "window"   text NOT NULL CHECK ("window" IN ('7d', '30d')),
    metric     text NOT NULL CHECK (metric IN ('ROI', 'WIN_PCT')),
    rank       integer NOT NULL CHECK (rank > 0),
    account_id uuid NOT NULL,
    -- Signed: a return on investment may be a loss.
    value      numeric(20, 8) NOT NULL,
    n_bets     integer NOT NULL CHECK (n_bets > 0),
    updated_at timestamptz NOT NULL,
    CONSTRAINT leaderboard_ranks_pkey PRIMARY KEY ("window", metric, account_id),
    -- Checked at commit, so that ranks may be exchanged.
    CONSTRAINT leaderboard_ranks_rank_key UNIQUE ("window", metric, rank) DEFERRABLE INITIALLY DEFERRED
);
