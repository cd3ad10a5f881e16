-- The community's schema as its code expects it.
CREATE TABLE public.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    challenge_penalty_until timestamptz,
    boost_penalty_until timestamptz
);
CREATE TABLE public.posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES public.users (id),
    body text NOT NULL,
    is_hidden boolean NOT NULL DEFAULT false,
    is_deleted boolean NOT NULL DEFAULT false,
    moderation_status text NOT NULL DEFAULT 'approved'
        CHECK (moderation_status IN ('approved', 'pending', 'rejected'))
);
CREATE TABLE public.post_reactions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    post_id bigint REFERENCES public.posts (id) ON DELETE SET NULL,
    user_id bigint NOT NULL REFERENCES public.users (id),
    reaction_type text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX one_reaction_of_a_kind
    ON public.post_reactions (user_id, post_id, reaction_type) WHERE post_id IS NOT NULL;
CREATE FUNCTION public.reactions_are_permanent() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'Reactions are permanent.'; END $$;
CREATE TRIGGER reactions_are_permanent BEFORE DELETE ON public.post_reactions
    FOR EACH ROW EXECUTE FUNCTION public.reactions_are_permanent();
CREATE TABLE public.scores (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES public.users (id),
    points integer NOT NULL CHECK (points BETWEEN 0 AND 100000),
    duration_sec integer
);
CREATE TABLE public.credit_txns (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES public.users (id),
    amount bigint NOT NULL,
    idempotency_key text,
    UNIQUE (user_id, idempotency_key)
);
