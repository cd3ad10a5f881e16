-- What a production had made of Bursar's own community by hand: no key of reactions, which go with
-- their post, and a trigger that refuses updates as well; columns that are not there.
DROP TRIGGER reactions_are_permanent_as_they_are ON public.post_reactions;
DROP TRIGGER reactions_are_permanent ON public.post_reactions;
CREATE TRIGGER reactions_are_permanent BEFORE DELETE OR UPDATE ON public.post_reactions
    FOR EACH ROW EXECUTE FUNCTION public.reactions_are_permanent();
DROP INDEX public.post_reactions_once;
ALTER TABLE public.post_reactions
    DROP COLUMN id,
    DROP CONSTRAINT post_reactions_post_id_fkey,
    ADD CONSTRAINT fk_post FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    DROP CONSTRAINT post_reactions_user_id_fkey,
    ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE public.scores DROP COLUMN duration_sec;
ALTER TABLE public.posts DROP COLUMN is_hidden, DROP COLUMN moderation_status;
ALTER TABLE public.users DROP COLUMN challenge_penalty_until, DROP COLUMN boost_penalty_until;
ALTER TABLE public.credit_txns DROP COLUMN idempotency_key;

-- And its rows: reactions given twice, by users who are gone, or by nobody.
INSERT INTO public.post_reactions (post_id, user_id, reaction_type)
SELECT post_id, user_id, reaction_type FROM public.post_reactions ORDER BY user_id LIMIT 2;
INSERT INTO public.post_reactions (post_id, user_id, reaction_type)
SELECT id, gen_random_uuid(), 'wow' FROM public.posts LIMIT 3;
INSERT INTO public.post_reactions (post_id, user_id, reaction_type)
SELECT id, NULL, 'sad' FROM public.posts LIMIT 1;
