-- What production had instead: tables that were made by hand, years ago, and never migrated.
CREATE TABLE public.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE public.posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES public.users (id),
    body text NOT NULL,
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE TABLE public.post_reactions (
    post_id bigint NOT NULL CONSTRAINT fk_post REFERENCES public.posts (id) ON DELETE CASCADE,
    user_id bigint,
    reaction_type text NOT NULL,
    created_at timestamptz DEFAULT now()
);
CREATE FUNCTION public.reactions_are_permanent() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'Reactions are permanent.'; END $$;
CREATE TRIGGER reactions_are_permanent BEFORE DELETE OR UPDATE ON public.post_reactions
    FOR EACH ROW EXECUTE FUNCTION public.reactions_are_permanent();
CREATE TABLE public.scores (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES public.users (id),
    points integer NOT NULL
);
CREATE TABLE public.credit_txns (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES public.users (id),
    amount bigint NOT NULL
);
