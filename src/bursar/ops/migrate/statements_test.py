from bursar.ops.migrate.statements import split


def test_statements_end_at_semicolons_outside_quotes_and_comments() -> None:
    text = """
        -- one; comment
        SELECT ';' AS "a;b"; /* two; */
        DO $body$ BEGIN PERFORM 1; END $body$;
        SELECT $$;$$, E'\\';', $1
    """

    assert split(text) == [
        """SELECT ';' AS "a;b\"""",
        "DO $body$ BEGIN PERFORM 1; END $body$",
        "SELECT $$;$$, E'\\';', $1",
    ]


def test_a_file_of_comments_has_no_statement() -> None:
    assert split("-- nothing;\n;;\n") == []
