-- A community: who is in it, what they post, how others react, what they score, and the credits
-- that they get for it. Tables that a way down left standing, because they held rows, are taken up
-- again as they are.
CREATE TABLE IF NOT EXISTS public.users (
    id uuid CONSTRAINT users_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    username text NOT NULL
        CONSTRAINT users_username_shape CHECK (username ~ '^[A-Za-z0-9_.-]{2,40}$'),
    password_hash text,          -- scrypt; NULL: signs in with a token of the app's own
    is_moderator boolean NOT NULL DEFAULT false,
    -- No challenges, no boosts until then.
    challenge_penalty_until timestamptz,
    boost_penalty_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Nobody takes the name of somebody else by writing it in other letters.
CREATE UNIQUE INDEX IF NOT EXISTS users_username_key ON public.users (lower(username));

CREATE TABLE IF NOT EXISTS public.posts (
    id uuid CONSTRAINT posts_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL CONSTRAINT posts_user_id_fkey REFERENCES public.users (id),
    body text NOT NULL CONSTRAINT posts_body_length CHECK (length(body) BETWEEN 1 AND 2000),
    is_hidden boolean NOT NULL DEFAULT false,
    is_deleted boolean NOT NULL DEFAULT false,
    moderation_status text NOT NULL DEFAULT 'approved' CONSTRAINT posts_moderation_status
        CHECK (moderation_status IN ('approved', 'pending', 'rejected')),
    boosted_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS posts_created_at_idx ON public.posts (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS posts_boosted_until_idx ON public.posts (boosted_until)
    WHERE boosted_until IS NOT NULL;
CREATE INDEX IF NOT EXISTS posts_user_id_idx ON public.posts (user_id);

-- Reactions are permanent: they outlive the post, and nobody deletes them.
CREATE TABLE IF NOT EXISTS public.post_reactions (
    id uuid CONSTRAINT post_reactions_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    post_id uuid CONSTRAINT post_reactions_post_id_fkey
        REFERENCES public.posts (id) ON DELETE SET NULL,
    user_id uuid NOT NULL CONSTRAINT post_reactions_user_id_fkey REFERENCES public.users (id),
    reaction_type text NOT NULL CONSTRAINT post_reactions_type
        CHECK (reaction_type IN ('love', 'like', 'laugh', 'wow', 'sad')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX IF NOT EXISTS post_reactions_once
    ON public.post_reactions (post_id, user_id, reaction_type) WHERE post_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS post_reactions_user_id_idx ON public.post_reactions (user_id);

CREATE TABLE IF NOT EXISTS public.scores (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT scores_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT scores_user_id_fkey REFERENCES public.users (id),
    game text NOT NULL,
    -- The round that was played: one score each.
    round_id text NOT NULL CONSTRAINT scores_round_id_length
        CHECK (length(round_id) BETWEEN 1 AND 100),
    points bigint NOT NULL CONSTRAINT scores_points CHECK (points BETWEEN 0 AND 100000),
    duration_sec bigint NOT NULL
        CONSTRAINT scores_duration_sec CHECK (duration_sec BETWEEN 1 AND 86400),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT scores_once UNIQUE (user_id, game, round_id)
);
CREATE INDEX IF NOT EXISTS scores_game_points_idx ON public.scores (game, points DESC);
-- A player's best, without reading all that they ever played.
CREATE INDEX IF NOT EXISTS scores_user_id_game_points_idx
    ON public.scores (user_id, game, points);

-- What may be scored at most, and how fast; what a score is worth once it was reached.
CREATE TABLE IF NOT EXISTS public.games (
    game text CONSTRAINT games_pkey PRIMARY KEY,
    points_max bigint NOT NULL DEFAULT 10000
        CONSTRAINT games_points_max CHECK (points_max BETWEEN 1 AND 100000),
    points_per_second_max bigint NOT NULL DEFAULT 100
        CONSTRAINT games_points_per_second_max CHECK (points_per_second_max >= 1)
);
CREATE TABLE IF NOT EXISTS public.milestones (
    game text NOT NULL CONSTRAINT milestones_game_fkey REFERENCES public.games (game),
    points bigint NOT NULL,
    credits bigint NOT NULL CONSTRAINT milestones_credits CHECK (credits BETWEEN 1 AND 1000000),
    CONSTRAINT milestones_pkey PRIMARY KEY (game, points)
);

-- What is awarded for what, and how much of it in a window of the calendar.
CREATE TABLE IF NOT EXISTS public.awards (
    award text CONSTRAINT awards_pkey PRIMARY KEY
        CONSTRAINT awards_award CHECK (award IN ('reaction_received', 'score_milestone')),
    credits bigint CONSTRAINT awards_credits CHECK (credits >= 1),  -- a milestone has its own
    period text NOT NULL DEFAULT 'day'
        CONSTRAINT awards_period CHECK (period IN ('day', 'week', 'month')),
    allowed bigint NOT NULL CONSTRAINT awards_allowed CHECK (allowed >= 0),
    zone text NOT NULL DEFAULT 'UTC'
);

-- Every award and every price paid, under a key that is the user's own.
CREATE TABLE IF NOT EXISTS public.credit_txns (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT credit_txns_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT credit_txns_user_id_fkey REFERENCES public.users (id),
    amount bigint NOT NULL,
    reason text NOT NULL,
    idempotency_key text NOT NULL,
    transaction_id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT credit_txns_once UNIQUE (user_id, idempotency_key)
);
CREATE INDEX IF NOT EXISTS credit_txns_user_id_reason_idx
    ON public.credit_txns (user_id, reason, created_at);

-- What moderators did, and why. Append-only.
CREATE TABLE IF NOT EXISTS public.moderation_actions (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT moderation_actions_pkey PRIMARY KEY,
    action text NOT NULL,
    post_id uuid,
    user_id uuid,
    until timestamptz,
    reason text NOT NULL,
    actor text NOT NULL,
    acted_at timestamptz NOT NULL
);

INSERT INTO public.games (game) VALUES ('word-finder') ON CONFLICT DO NOTHING;
INSERT INTO public.milestones (game, points, credits) VALUES
    ('word-finder', 100, 1), ('word-finder', 500, 3), ('word-finder', 1000, 5)
ON CONFLICT DO NOTHING;
INSERT INTO public.awards (award, credits, allowed) VALUES
    ('reaction_received', 1, 20), ('score_milestone', NULL, 20)
ON CONFLICT DO NOTHING;

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['users', 'posts', 'post_reactions', 'scores', 'games',
        'milestones', 'awards', 'credit_txns', 'moderation_actions']
    LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', v_table);
        -- Hosted databases grant everything on new tables of `public` to these roles by name.
        EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, anon, authenticated, service_role',
            v_table);
        EXECUTE format('GRANT SELECT ON public.%I TO service_role, bursar_operator', v_table);
    END LOOP;
END
$$;
REVOKE ALL ON SEQUENCE public.scores_id_seq, public.credit_txns_id_seq,
    public.moderation_actions_id_seq FROM PUBLIC, anon, authenticated, service_role;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role, bursar_service, bursar_operator;
GRANT SELECT ON public.games, public.milestones, public.awards TO anon, authenticated;
GRANT INSERT, UPDATE, DELETE ON public.games, public.milestones, public.awards
    TO service_role, bursar_operator;
GRANT INSERT, UPDATE ON public.users TO service_role, bursar_operator;
GRANT INSERT, UPDATE, DELETE ON public.posts TO service_role, bursar_operator;
GRANT INSERT ON public.post_reactions, public.scores TO service_role, bursar_operator;
