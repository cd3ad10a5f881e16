"""A local stand-in for Stripe: an HTTP process that the stock `stripe` library can drive.

It answers the calls that Bursar makes (checkout sessions, refunds, payment intents), shows a
payment page for people, and posts signed events to a webhook address. Everything lives in memory,
bounded, and in one file where `--state` names one. No money moves, and nothing leaves this machine.

    BURSAR_STRIPE_WEBHOOK_SECRET=whsec_… python -m bursar.stand_ins.stripe --port 8421 \\
        --webhook http://127.0.0.1:8420/api/webhooks/stripe

Begin reading with `server.py`, which knows every address. Addresses under `/v1` answer as Stripe
does. Those that begin with `/_` are this stand-in's own, in JSON:

    GET, POST, DELETE /_faults      what goes wrong from now on; see `faults.Faults`
    GET  /_events?type=&limit=      events in the order in which they arose, and what became of them
    GET  /_events/{id}              one of them
    POST /_events/{id}/resend       send it once more, faults or not
    POST /_events/release           send now what is held back to be shuffled
    GET, POST /_webhook             {"url": …}: where events go; without one they wait
    POST, DELETE /_clock            {"advance_seconds": n}: sessions expire by this clock
    POST /_sessions/{id}/pay        {"outcome": paid | unpaid | async_succeed | async_fail}
    POST /_payments/{pi}/dispute    {"amount"?, "reason"?, "withdraw"? true}
    POST /_payments/{pi}/reinstate  the funds of a dispute come back
    POST /_payments/{pi}/close      {"status": won | lost}

What it leaves out: customers, saved cards, subscriptions, taxes, currencies' conversion, lists.
"""
