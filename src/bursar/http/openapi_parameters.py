"""The parameters that routes name: where they stand in a request, and what they look like."""

from typing import Any

PARAMETERS: dict[str, dict[str, Any]] = {
    "asset": {
        "in": "query",
        "required": True,
        "description": "The unit of value.",
        "schema": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "example": "credit",
    },
    "before_seq": {
        "in": "query",
        "description": "Only entries before this sequence number.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    },
    "limit": {
        "in": "query",
        "description": "Entries on the page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    },
    "id": {
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
        "example": 1,
    },
    "owner_id": {
        "in": "path",
        "required": True,
        "description": "Whose wallet.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        },
        "example": "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11",
    },
    "purchase_id": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
        "example": "7b1d9c52-3c1f-4f6e-9a75-0e2d3c4b5a69",
    },
    "payment_id": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
        "example": "2f6c1a0e-94d7-4d1b-8f35-6b7a8c9d0e1f",
    },
    "job_id": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
        "example": "4c1f7b0e-5d2a-4e8f-9b36-8a7d6c5e4f3b",
    },
    "wait": {
        "in": "query",
        "description": "Seconds to wait for a change, if the job has not ended.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 25},
    },
    "if_none_match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag that is known: 304 while it still holds.",
        "schema": {"type": "string"},
    },
    "signature": {
        "name": "Stripe-Signature",
        "in": "header",
        "description": "`t=<seconds>,v1=<HMAC-SHA256 of t, a full stop and the body>`.",
        "schema": {"type": "string"},
    },
    "revenuecat_authorization": {
        "name": "Authorization",
        "in": "header",
        "description": "What RevenueCat was told to send, word for word.",
        "schema": {"type": "string"},
    },
    "revenuecat_signature": {
        "name": "X-RevenueCat-Webhook-Signature",
        "in": "header",
        "description": "`t=<seconds>,v1=<HMAC-SHA256 of t, a full stop and the body>`.",
        "schema": {"type": "string"},
    },
    "post_id": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
        "example": "0b6f4c1e-8a52-4d0e-9c3b-5e7f1a2d4c68",
    },
    "before": {
        "in": "query",
        "description": "The `next` of the page before.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,17}_[0-9a-f-]{36}$"},
    },
    "csrf_token": {
        "name": "X-CSRF-Token",
        "in": "header",
        "description": "The session's token. What only reads may come without it.",
        "schema": {"type": "string"},
    },
    "health": {
        "in": "query",
        "required": True,
        "description": "1: nothing is claimed.",
        "schema": {"type": "string", "enum": ["1"]},
        "example": "1",
    },
    "user_id": {
        "in": "query",
        "description": "For the service role: whose. Users see their own.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11",
    },
    "function": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": "create_reward",
    },
    "table": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": "rewards",
    },
    "select": {
        "in": "query",
        "description": "Columns: `id,alias:name,rewards(name,cost)`, or `*`.",
        "schema": {"type": "string"},
        "example": "*",
    },
    "order": {
        "in": "query",
        "description": "For example `created_at.desc.nullslast,name`.",
        "schema": {"type": "string"},
    },
    "row_limit": {
        "name": "limit",
        "in": "query",
        "description": "Rows, at most 1000.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "offset": {
        "in": "query",
        "description": "Rows to pass over.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`count=exact`, `return=representation` or `return=minimal`.",
        "schema": {"type": "string"},
    },
}
KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and request have at most one effect; 1 to 255 ASCII characters.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
