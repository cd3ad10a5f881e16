-- Workspaces and leads, the same in every schema. They are handed out by arithmetic, in
-- bench/carts/stock.py: leads come in blocks, and a block of kind `one` is one seller's, one of
-- kind `ten` is ten sellers' in turn, one of kind `each` has another seller for each lead.
CREATE SCHEMA bench;
CREATE TABLE bench.opening AS
    SELECT md5('workspace-' || n)::uuid AS workspace_id, 1000000000::bigint AS balance
    FROM generate_series(0, %(workspaces)s - 1) AS n;
INSERT INTO public.workspace_credits (workspace_id, balance, total_earned)
SELECT workspace_id, balance, balance FROM bench.opening;

-- The second half of the workspaces sells, the first half buys.
INSERT INTO public.leads (id, seller_workspace_id, title, price)
SELECT md5(kind || '-' || n)::uuid, md5('workspace-' || %(selling)s + CASE kind
        WHEN 'one' THEN n / %(block)s
        WHEN 'ten' THEN n / %(block)s * 10 + n %% 10
        ELSE n END %% %(selling)s)::uuid, 'Lead ' || n, 10 + n %% 7
FROM unnest(ARRAY['one', 'ten', 'each']) AS kind, generate_series(0, %(leads)s - 1) AS n;
