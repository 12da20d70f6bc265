-- Serves binaries from: 0.1.0
-- Chat: rooms and what is said in them. Who is present is kept in Redis. The application gets its
-- rights with the use cases that need them.
CREATE SCHEMA chat;

CREATE TABLE chat.rooms (
    id         uuid PRIMARY KEY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- The sporting event the room is about; null for others.
    event_id   uuid REFERENCES market.events (id),
    status     text NOT NULL CHECK (status IN ('OPEN', 'READ_ONLY', 'CLOSED')),
    -- The seq of the room's last message: the row that every message locks, which makes one order.
    seq        bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    created_at timestamptz NOT NULL
);
CREATE INDEX rooms_list ON chat.rooms (created_at DESC, id DESC);
CREATE INDEX rooms_by_event ON chat.rooms (event_id) WHERE event_id IS NOT NULL;

CREATE TABLE chat.messages (
    room_id     uuid NOT NULL REFERENCES chat.rooms (id),
    ts          timestamptz NOT NULL,
    msg_id      uuid NOT NULL,
    user_id     uuid NOT NULL,
    seq         bigint NOT NULL CHECK (seq > 0),
    -- Emptied when the message is redacted; the row stays.
    text        text NOT NULL CHECK (length(text) <= 2000),
    -- How many of each, {"<reaction>": n} and {"<reason>": n}; chat.reactions and chat.flags say whose.
    reactions   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(reactions) = 'object'),
    flags       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(flags) = 'object'),
    redacted_at timestamptz,
    CONSTRAINT messages_pkey PRIMARY KEY (room_id, ts, msg_id),
    CONSTRAINT messages_redacted_is_empty CHECK (redacted_at IS NULL OR text = '')
) PARTITION BY RANGE (ts);
CREATE INDEX messages_by_seq ON chat.messages (room_id, seq);
CREATE INDEX messages_by_user ON chat.messages (user_id, ts DESC, msg_id DESC);
INSERT INTO meta.partitioned VALUES ('chat', 'messages', 'month', interval '35 days', true);

-- The tables below name messages without a foreign key, which would keep old partitions from being
-- taken off; ts says which partition a message lies in.
CREATE TABLE chat.reactions (
    room_id    uuid NOT NULL,
    ts         timestamptz NOT NULL,
    msg_id     uuid NOT NULL,
    user_id    uuid NOT NULL,
    reaction   text NOT NULL CHECK (length(reaction) BETWEEN 1 AND 32),
    created_at timestamptz NOT NULL,
    CONSTRAINT reactions_pkey PRIMARY KEY (room_id, msg_id, user_id, reaction)
);
CREATE INDEX reactions_by_ts ON chat.reactions (ts);

CREATE TABLE chat.flags (
    room_id     uuid NOT NULL,
    ts          timestamptz NOT NULL,
    msg_id      uuid NOT NULL,
    user_id     uuid NOT NULL,
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 100),
    created_at  timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by text CHECK (length(resolved_by) BETWEEN 1 AND 255),
    CONSTRAINT flags_pkey PRIMARY KEY (room_id, msg_id, user_id),
    CONSTRAINT flags_resolved_by_someone CHECK ((resolved_at IS NULL) = (resolved_by IS NULL))
);
CREATE INDEX flags_unresolved ON chat.flags (created_at, msg_id) WHERE resolved_at IS NULL;
CREATE INDEX flags_by_ts ON chat.flags (ts);

-- How far a user has read a room.
CREATE TABLE chat.reads (
    room_id    uuid NOT NULL REFERENCES chat.rooms (id),
    user_id    uuid NOT NULL,
    seq        bigint NOT NULL CHECK (seq >= 0),
    updated_at timestamptz NOT NULL,
    CONSTRAINT reads_pkey PRIMARY KEY (room_id, user_id)
);
CREATE INDEX reads_by_user ON chat.reads (user_id, updated_at DESC, room_id);
