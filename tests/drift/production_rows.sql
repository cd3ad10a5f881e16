-- The rows of that production: reactions given twice, by users who are gone, or by nobody.
INSERT INTO public.users (name) SELECT 'user ' || g FROM generate_series(1, 50) AS g;
INSERT INTO public.posts (user_id, body) SELECT g, 'post ' || g FROM generate_series(1, 50) AS g;
INSERT INTO public.post_reactions (post_id, user_id, reaction_type)
SELECT g, g, 'love' FROM generate_series(1, 50) AS g;
INSERT INTO public.post_reactions (post_id, user_id, reaction_type)
SELECT g, g, 'love' FROM generate_series(1, 5) AS g;
INSERT INTO public.post_reactions (post_id, user_id, reaction_type, created_at)
SELECT g, 1000 + g, 'love', NULL FROM generate_series(1, 3) AS g;
INSERT INTO public.post_reactions (post_id, user_id, reaction_type) VALUES (9, NULL, 'love');
INSERT INTO public.scores (user_id, points) SELECT g, g * 10 FROM generate_series(1, 40) AS g;
INSERT INTO public.scores (user_id, points) VALUES (1, -1);
INSERT INTO public.credit_txns (user_id, amount) VALUES (1, 5), (1, 5), (2, 7);
