"""A local stand-in for whoever generates: an HTTP process that speaks OpenAI's API.

It draws a real picture of every prompt, a landscape, the same one for the same words, and writes a
few sentences where a text is asked for. Nothing leaves this machine.

    python -m bursar.stand_ins.provider --port 8422

Begin reading with `server.py`, which knows every address. Those under `/v1` answer as OpenAI's do:
`images/generations`, `chat/completions`, `models`. An `Idempotency-Key` is honoured: the same one
is answered the same, also after a crash. Those that begin with `/_` are this stand-in's own:

    GET, POST, DELETE /_faults      what goes wrong from now on; see `faults.Faults`
    GET /_calls?key=                the book: every call, when it began and ended, what came of it

Words in a prompt order a fault for that call alone; `x2` at the end means only the first two calls
with that key:

    [fail] [fail 400] [fail 503 x2]     it is answered with that status; 500 where none is named
    [hang] [hang x1]                    it is not answered for ten minutes
    [crash] [crash x1]                  the process ends at once
    [late 1.5] [late 3 x1]              what was made is answered so many seconds late

What it leaves out: streams, several pictures at once, edits, tools.
"""
