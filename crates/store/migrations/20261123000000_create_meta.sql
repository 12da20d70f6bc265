-- Serves binaries from: 0.1.0
-- What the database knows of itself: which binaries it serves, and how its partitions are kept.
-- Its schema and its table of migrations are made by the migrator before this file runs.
--
-- Three roles. overround_owner owns every object and runs these files. overround_app runs the use
-- cases; each file grants it what the use cases need and no more: INSERT and SELECT where rows are
-- facts, UPDATE on the columns that change, nothing on partitions (a statement that names the parent
-- needs rights on the parent only). overround_keeper keeps partitions. Who owns a table may grant
-- itself any right on it, so the keeper owns nothing: it may execute three functions of this schema,
-- which run as the owner.

-- What values of a kind may be is said by their domain, once: PostgreSQL keeps what it has read of a domain, where it
-- reads a table's own checks anew for each statement. Tables check what concerns several of their columns.
CREATE DOMAIN meta.positive AS bigint CHECK (VALUE > 0);
CREATE DOMAIN meta.not_negative AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN meta.positive_integer AS integer CHECK (VALUE > 0);
CREATE DOMAIN meta.not_negative_integer AS integer CHECK (VALUE >= 0);
CREATE DOMAIN meta.currency AS text CHECK (VALUE ~ '^[A-Z]{3}$');
CREATE DOMAIN meta.json_object AS jsonb CHECK (jsonb_typeof(VALUE) = 'object');
CREATE DOMAIN meta.json_array AS jsonb CHECK (jsonb_typeof(VALUE) = 'array');
CREATE DOMAIN meta.sha256 AS bytea CHECK (length(VALUE) = 32);
-- An Idempotency-Key, or the name of who did something.
CREATE DOMAIN meta.name_or_key AS text CHECK (length(VALUE) BETWEEN 1 AND 255);
-- 2 confirmed, 1 live.
CREATE DOMAIN meta.certainty AS smallint CHECK (VALUE IN (1, 2));

-- The oldest binary that each migration still serves, written in that migration's transaction.
CREATE TABLE meta.migration_serves (
    version     bigint PRIMARY KEY,
    serves_from text NOT NULL CHECK (serves_from ~ '^[0-9]+\.[0-9]+\.[0-9]+$')
);

-- The tables that are partitioned by time, by months or days of UTC.
CREATE TABLE meta.partitioned (
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    span        text NOT NULL CHECK (span IN ('month', 'day')),
    -- Partitions exist up to this long ahead.
    ahead       interval NOT NULL CHECK (ahead > interval '0'),
    -- Whether a past partition may be taken off. Money and what doctor compares with it may not.
    detachable  boolean NOT NULL,
    CONSTRAINT partitioned_pkey PRIMARY KEY (schema_name, table_name)
);

-- Refuses whatever it is fired by.
CREATE FUNCTION meta.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: its rows never change', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END $$;

CREATE FUNCTION meta.partition_name(table_name text, span text, starts_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT table_name || to_char(starts_at AT TIME ZONE 'UTC', CASE span WHEN 'month' THEN '_YYYYMM' ELSE '_YYYYMMDD' END)
$$;

-- The partitions that should exist at an instant and do not. The day before it counts too: rows of the
-- last moments of a period may arrive after its end.
CREATE FUNCTION meta.missing_partitions(at timestamptz)
RETURNS TABLE (schema_name text, table_name text, starts_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.schema_name, p.table_name, period.starts_at AT TIME ZONE 'UTC'
    FROM meta.partitioned p
    CROSS JOIN LATERAL generate_series(
        date_trunc(p.span, (at - interval '1 day') AT TIME ZONE 'UTC'),
        (at + p.ahead) AT TIME ZONE 'UTC',
        ('1 ' || p.span)::interval
    ) AS period (starts_at)
    WHERE NOT EXISTS (
        SELECT FROM pg_inherits i
        JOIN pg_class parent ON parent.oid = i.inhparent
        JOIN pg_namespace n ON n.oid = parent.relnamespace
        JOIN pg_class child ON child.oid = i.inhrelid
        WHERE n.nspname = p.schema_name AND parent.relname = p.table_name AND NOT i.inhdetachpending
          AND child.relname = meta.partition_name(p.table_name, p.span, period.starts_at AT TIME ZONE 'UTC')
    )
    ORDER BY 3, 1, 2
$$;

-- The parent's triggers of one kind, as statements that make the same on another table. Row triggers
-- reach partitions by themselves for as long as they are attached. Statement triggers never do: they
-- fire for the table that a statement names, so a partition needs its own.
CREATE FUNCTION meta.trigger_copies(parent regclass, target text, for_rows boolean) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(pg_get_triggerdef(t.oid), format(' ON %s ', parent), format(' ON %s ', target))
    FROM pg_trigger t
    WHERE t.tgrelid = parent AND NOT t.tgisinternal AND ((t.tgtype & 1) = 1) = for_rows
    ORDER BY t.tgname
$$;

-- Makes one partition apart and attaches it: ATTACH takes a lock that lets writers of the parent go on,
-- where CREATE TABLE ... PARTITION OF would stop them. One partition a transaction, so that the lock
-- which a foreign key takes on the table it refers to is short. Returns the partition's name; null when
-- it was there already.
CREATE FUNCTION meta.make_partition(in_schema text, in_table text, starts_at timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '30s' AS $$
DECLARE
    kept   meta.partitioned;
    parent text := format('%I.%I', in_schema, in_table);
    child  text;
    lower  timestamp;
    copy   text;
BEGIN
    SELECT p.* INTO kept FROM meta.partitioned p WHERE p.schema_name = in_schema AND p.table_name = in_table;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not a table whose partitions are kept', parent USING ERRCODE = 'undefined_table';
    END IF;
    lower := date_trunc(kept.span, starts_at AT TIME ZONE 'UTC');
    child := format('%I.%I', in_schema, meta.partition_name(in_table, kept.span, lower AT TIME ZONE 'UTC'));
    PERFORM pg_advisory_xact_lock(hashtextextended('overround.partitions', 0));
    -- Who waits for a table's lock makes others wait behind it: rather fail, and try again later.
    PERFORM set_config('lock_timeout', '2s', true);
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(child) AND inhparent = to_regclass(parent)) THEN
        RETURN NULL;
    END IF;
    IF to_regclass(child) IS NOT NULL THEN
        RAISE EXCEPTION '% exists and is no partition of %', child, parent
            USING ERRCODE = 'duplicate_table', HINT = 'It was detached. Attach it again, or rename it.';
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', child, parent);
    FOR copy IN SELECT * FROM meta.trigger_copies(parent::regclass, child, false) LOOP
        EXECUTE copy;
    END LOOP;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, child,
        lower AT TIME ZONE 'UTC', (lower + ('1 ' || kept.span)::interval) AT TIME ZONE 'UTC');
    RETURN child;
END $$;

-- Takes a past partition off its parent. Attached, it had the parent's row triggers; it keeps them as
-- its own, so that rows which never change stay so. Returns the table's name; null when there is none.
CREATE FUNCTION meta.detach_partition(in_schema text, in_table text, starts_at timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '30s' AS $$
DECLARE
    kept   meta.partitioned;
    parent text := format('%I.%I', in_schema, in_table);
    child  text;
    lower  timestamp;
    copy   text;
BEGIN
    SELECT p.* INTO kept FROM meta.partitioned p WHERE p.schema_name = in_schema AND p.table_name = in_table;
    IF NOT FOUND OR NOT kept.detachable THEN
        RAISE EXCEPTION 'partitions of % are not detached', parent USING ERRCODE = 'insufficient_privilege';
    END IF;
    lower := date_trunc(kept.span, starts_at AT TIME ZONE 'UTC');
    IF (lower + ('1 ' || kept.span)::interval) AT TIME ZONE 'UTC' > now() THEN
        RAISE EXCEPTION 'the partition of % from % is not over', parent, lower USING ERRCODE = 'object_in_use';
    END IF;
    child := format('%I.%I', in_schema, meta.partition_name(in_table, kept.span, lower AT TIME ZONE 'UTC'));
    PERFORM pg_advisory_xact_lock(hashtextextended('overround.partitions', 0));
    -- Who waits for a table's lock makes others wait behind it: rather fail, and try again later.
    PERFORM set_config('lock_timeout', '2s', true);
    IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(child) AND inhparent = to_regclass(parent)) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', parent, child);
    FOR copy IN SELECT * FROM meta.trigger_copies(parent::regclass, child, true) LOOP
        EXECUTE copy;
    END LOOP;
    RETURN child;
END $$;

-- The UUID of an id as it is on the wire: a prefix and 22 digits of base 58, such as bet_1C7bQYpvTfLkxSAhMdFWLm.
-- Null for a text that is none. Kept answers name what they are about in this form.
CREATE FUNCTION meta.uuid_of(wire_id text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    digits text := split_part(wire_id, '_', 2);
    value  numeric := 0;
BEGIN
    IF wire_id !~ '^[a-z]+_[1-9A-HJ-NP-Za-km-z]{22}$' THEN
        RETURN NULL;
    END IF;
    FOR place IN 1 .. 22 LOOP
        value := value * 58 - 1
            + strpos('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz', substr(digits, place, 1));
    END LOOP;
    IF value >= power(2::numeric, 128) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT string_agg(lpad(to_hex((div(value, power(2::numeric, 32 * word)) % power(2::numeric, 32))::bigint), 8, '0'), ''
                ORDER BY word DESC)
            FROM generate_series(0, 3) AS word)::uuid;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA meta FROM PUBLIC;
GRANT USAGE ON SCHEMA meta TO overround_app, overround_keeper;
GRANT SELECT ON meta.migrations, meta.migration_serves TO overround_app, overround_keeper;
GRANT EXECUTE ON FUNCTION meta.uuid_of(text) TO overround_app;
GRANT SELECT ON meta.partitioned TO overround_keeper;
GRANT EXECUTE ON FUNCTION meta.partition_name(text, text, timestamptz), meta.missing_partitions(timestamptz),
    meta.make_partition(text, text, timestamptz), meta.detach_partition(text, text, timestamptz)
    TO overround_keeper;
