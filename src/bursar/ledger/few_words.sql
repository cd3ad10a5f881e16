-- A statement in a few words, for operators: what it is, without what it is about. A statement that
-- was sent to the server may hold somebody's data or a password in its literals, so these are taken
-- out before it is cut.
CREATE OR REPLACE FUNCTION bursar.few_words(p_query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(regexp_replace(regexp_replace(regexp_replace(p_query,
    '\$([A-Za-z_]*)\$.*', '$…$'),
    '''([^'']|'''')*(''|$)', '''…''', 'g'),
    '\s+', ' ', 'g'), 60);

COMMENT ON FUNCTION bursar.few_words(text) IS
    'The first 60 characters of a statement, without literals.';
REVOKE ALL ON FUNCTION bursar.few_words(text) FROM PUBLIC, anon, authenticated;
