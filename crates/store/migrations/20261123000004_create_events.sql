-- Serves binaries from: 0.1.0
-- The outbox (each change's event, written in the change's own transaction) and the consumers' inbox.
CREATE SCHEMA events;

-- Numbers order the rows of one transaction, which come from one session: each session takes many at once.
CREATE SEQUENCE events.outbox_identity CACHE 128;
CREATE TABLE events.outbox (
    -- Stamped by a trigger with the transaction's id on the node that stores the row.
    xid8              xid8 NOT NULL,
    identity          bigint NOT NULL DEFAULT nextval('events.outbox_identity'),
    -- Null on events that belong to no cell (market data).
    cell              smallint,
    event_id          uuid NOT NULL,
    type              text NOT NULL,
    aggregate_type    text NOT NULL,
    aggregate_id      uuid NOT NULL,
    aggregate_version bigint NOT NULL,
    payload           jsonb NOT NULL,
    trace_id          text,
    created_at        timestamptz NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (xid8, identity, created_at)
) PARTITION BY RANGE (created_at);
ALTER SEQUENCE events.outbox_identity OWNED BY events.outbox.identity;
INSERT INTO meta.partitioned VALUES ('events', 'outbox', 'month', interval '35 days', false);

CREATE FUNCTION events.stamp_xid8() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.xid8 := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER outbox_stamped BEFORE INSERT ON events.outbox
    FOR EACH ROW EXECUTE FUNCTION events.stamp_xid8();
CREATE TRIGGER outbox_append_only BEFORE UPDATE OR DELETE ON events.outbox
    FOR EACH ROW EXECUTE FUNCTION meta.refuse_change();
CREATE TRIGGER outbox_not_truncated BEFORE TRUNCATE ON events.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION meta.refuse_change();

CREATE TABLE events.inbox (
    consumer    text NOT NULL CHECK (length(consumer) BETWEEN 1 AND 100),
    event_id    uuid NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id)
);

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA events FROM PUBLIC;
GRANT USAGE ON SCHEMA events TO overround_app;
GRANT USAGE ON SEQUENCE events.outbox_identity TO overround_app;
GRANT SELECT, INSERT ON events.outbox, events.inbox TO overround_app;
