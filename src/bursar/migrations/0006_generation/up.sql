-- Metered generation: what a job costs, the jobs, the deductions of older apps, and the wallets of
-- the asset `generation_credit`. Tables that a way down left standing, because they held rows, are
-- taken up again as they are.

-- The table is the wallet. The kernel's columns and guards are added when the asset is registered.
CREATE TABLE IF NOT EXISTS public.profiles (
    id uuid CONSTRAINT profiles_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    email text,
    -- squawk-ignore prefer-bigint-over-int
    credits integer NOT NULL DEFAULT 0
        CONSTRAINT profiles_credits_non_negative CHECK (credits >= 0),
    last_generate_at timestamptz,   -- the rate limit counts from here
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);

-- What can be generated, what it costs, and how long everything may take.
CREATE TABLE IF NOT EXISTS public.generation_products (
    product text CONSTRAINT generation_products_pkey PRIMARY KEY
        CONSTRAINT generation_products_product_length CHECK (length(product) BETWEEN 1 AND 100),
    title text NOT NULL DEFAULT '',
    kind text NOT NULL DEFAULT 'image'
        CONSTRAINT generation_products_kind CHECK (kind IN ('image', 'text')),
    model text NOT NULL DEFAULT '',              -- as the provider names it
    -- What is held for a job. Where the provider counts tokens, a job comes to what it used.
    price bigint NOT NULL DEFAULT 1
        CONSTRAINT generation_products_price CHECK (price BETWEEN 1 AND 1000000),
    tokens_per_credit bigint CONSTRAINT generation_products_tokens CHECK (tokens_per_credit >= 1),
    over_run text NOT NULL DEFAULT 'cap' CONSTRAINT generation_products_over_run
        CHECK (over_run IN ('reject', 'cap', 'overdraft')),
    rate_limit_seconds bigint NOT NULL DEFAULT 10 CONSTRAINT generation_products_rate_limit
        CHECK (rate_limit_seconds BETWEEN 0 AND 86400),
    -- One call of the provider, all calls of one job, and the job from beginning to end.
    call_seconds bigint NOT NULL DEFAULT 120 CONSTRAINT generation_products_call_seconds
        CHECK (call_seconds BETWEEN 1 AND 3600),
    stuck_seconds bigint NOT NULL DEFAULT 1800 CONSTRAINT generation_products_stuck_seconds
        CHECK (stuck_seconds BETWEEN 1 AND 86400),
    hold_seconds bigint NOT NULL DEFAULT 7200 CONSTRAINT generation_products_hold_seconds
        CHECK (hold_seconds BETWEEN 1 AND 86400),
    -- A deduction without a job is given back after so long; NULL: when somebody asks for it.
    deduction_seconds bigint DEFAULT 1800 CONSTRAINT generation_products_deduction_seconds
        CHECK (deduction_seconds >= 1),
    attempts_max bigint NOT NULL DEFAULT 3 CONSTRAINT generation_products_attempts_max
        CHECK (attempts_max BETWEEN 1 AND 20),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS public.generation_jobs (
    id uuid CONSTRAINT generation_jobs_pkey PRIMARY KEY,
    user_id uuid NOT NULL,
    product text NOT NULL CONSTRAINT generation_jobs_product_fkey
        REFERENCES public.generation_products (product),
    input jsonb NOT NULL,
    -- failed: it ended without a result, and the credit could not be given back yet.
    status text NOT NULL DEFAULT 'queued' CONSTRAINT generation_jobs_status
        CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'refunded')),
    price bigint NOT NULL,       -- what was set aside for it; once completed, what it came to
    hold bigint CONSTRAINT generation_jobs_hold_key UNIQUE,
    -- The transaction of an older app's deduction that the job took over, beside a hold or instead.
    deduction bigint CONSTRAINT generation_jobs_deduction_key UNIQUE,
    provider text,
    provider_reference text,
    output jsonb,
    error text,                  -- the last failure, in the provider's words or ours
    reason text,                 -- why it ended as it did: a code
    attempts bigint NOT NULL DEFAULT 0,
    worker text,
    lease uuid,                  -- of the attempt that is under way
    -- When somebody may take it up: a queued job now or later, one in work when its lease ends, a
    -- failed one when its credit is given back again. NULL: never more.
    due_at timestamptz,
    give_up_at timestamptz NOT NULL,
    actor text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT generation_jobs_paid_for CHECK (hold IS NOT NULL OR deduction IS NOT NULL),
    CONSTRAINT generation_jobs_ended CHECK ((status IN ('completed', 'refunded'))
        = (due_at IS NULL AND finished_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS generation_jobs_user_id_idx
    ON public.generation_jobs (user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS generation_jobs_due_at_idx ON public.generation_jobs (due_at)
    WHERE due_at IS NOT NULL;

-- What a job made; the job's user sees it once the job is completed.
CREATE TABLE IF NOT EXISTS public.generation_outputs (
    job_id uuid CONSTRAINT generation_outputs_pkey PRIMARY KEY CONSTRAINT
        generation_outputs_job_id_fkey REFERENCES public.generation_jobs (id) ON DELETE CASCADE,
    content_type text NOT NULL,
    content bytea NOT NULL CONSTRAINT generation_outputs_size
        CHECK (octet_length(content) <= 16777216),
    created_at timestamptz NOT NULL
);

-- Credits that older apps deduct before they submit. Open until a job takes it over or it is given
-- back.
CREATE TABLE IF NOT EXISTS public.generation_deductions (
    transaction_id bigint CONSTRAINT generation_deductions_pkey PRIMARY KEY,
    user_id uuid NOT NULL,
    amount bigint NOT NULL,
    status text NOT NULL DEFAULT 'open' CONSTRAINT generation_deductions_status
        CHECK (status IN ('open', 'adopted', 'refunded')),
    job_id uuid,
    created_at timestamptz NOT NULL,
    lapses_at timestamptz,       -- NULL once it is not open any more, or where it never lapses
    ended_at timestamptz
);
CREATE INDEX IF NOT EXISTS generation_deductions_open_idx
    ON public.generation_deductions (user_id, transaction_id) WHERE status = 'open';
CREATE INDEX IF NOT EXISTS generation_deductions_lapses_at_idx
    ON public.generation_deductions (lapses_at) WHERE lapses_at IS NOT NULL;

-- What happened to jobs and deductions, late answers included. Append-only.
CREATE TABLE IF NOT EXISTS public.generation_events (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT generation_events_pkey PRIMARY KEY,
    job_id uuid,
    user_id uuid NOT NULL,
    what text NOT NULL,
    message text NOT NULL,
    actor text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    happened_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS generation_events_job_id_idx ON public.generation_events (job_id, id);

INSERT INTO public.generation_products (product, title) VALUES ('image', 'Picture')
ON CONFLICT DO NOTHING;

ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.generation_products ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.generation_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.generation_outputs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.generation_deductions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.generation_events ENABLE ROW LEVEL SECURITY;

-- Hosted databases grant everything on new tables of `public` to these roles by name.
REVOKE ALL ON public.profiles, public.generation_products, public.generation_jobs,
    public.generation_outputs, public.generation_deductions, public.generation_events
    FROM PUBLIC, anon, authenticated, service_role;
REVOKE ALL ON SEQUENCE public.generation_events_id_seq
    FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role, bursar_service, bursar_operator;
GRANT SELECT ON public.generation_products TO anon, authenticated;
-- The whole row, so that select('*') goes on working; the rows are one's own by policy.
GRANT SELECT ON public.profiles, public.generation_jobs TO authenticated;
GRANT SELECT ON public.profiles, public.generation_products, public.generation_jobs,
    public.generation_outputs, public.generation_deductions, public.generation_events
    TO service_role, bursar_operator;
GRANT INSERT, UPDATE, DELETE ON public.generation_products TO service_role, bursar_operator;
GRANT DELETE ON public.profiles TO service_role, bursar_operator;
GRANT INSERT (id, email, credits, last_generate_at, created_at),
    UPDATE (id, email, credits, last_generate_at, created_at) ON public.profiles
    TO service_role, bursar_operator;

-- A request to deduct for, or to submit, a job; read and checked.
CREATE TYPE bursar.generation_request AS (
    n integer,                 -- place in the batch, from 1
    user_id uuid,
    product text,
    input jsonb,
    price bigint,
    rate_limit_seconds bigint,
    job_id uuid,
    -- What is found under the wallet's lock: an open deduction that is taken over, and the hold
    -- for what it does not cover.
    deduction bigint,
    hold_id bigint,
    to_hold bigint,
    actor text,
    claim bytea,
    fingerprint bytea,
    refusal text,
    details jsonb
);
-- What somebody says of a job's end; read and checked.
CREATE TYPE bursar.generation_end AS (
    n integer,
    job_id uuid,
    user_id uuid,
    result text,               -- completed, failed, cancelled; expired: it is due to be given up
    lease uuid,
    price bigint,              -- what it came to
    output jsonb,
    provider text,
    provider_reference text,
    error text,
    reason text,
    actor text,
    refusal text,
    details jsonb
);
-- What a job's end comes to, found under its locks.
CREATE TYPE bursar.generation_verdict AS (
    n integer,
    effect text,
    status text,               -- of the job from now on
    reason text,
    price bigint,
    given_back bigint,
    moves jsonb                -- requests of the ledger's own verbs
);
