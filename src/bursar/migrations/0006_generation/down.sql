-- Takes the functions of generation away. Tables that hold rows stay, with their guards, and so
-- does the asset: a rollback leaves balances untouched and drops no data. Empty tables go.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT oid FROM pg_proc
        WHERE pronamespace IN ('bursar'::regnamespace, 'public'::regnamespace)
            AND proname = ANY (ARRAY[
        'deduct_credit', 'deduct_credit_atomic', 'deduct_credit_batch', 'end_generation',
        'end_generation_batch', 'expire_credit_deductions', 'expire_generation_jobs',
        'hand_back_generation', 'judge_generation', 'judge_generation_end',
        'keep_generation_lease', 'keep_generation_output', 'keep_rate_limits',
        'lease_generation_jobs', 'lock_generation_jobs', 'log_generation', 'moves_of_capture',
        'moves_of_refund', 'older_answer', 'read_generation', 'read_generation_ends',
        'list_generation_jobs', 'read_generation_history',
        'read_generation_job', 'read_generation_marks', 'read_generation_output', 'read_studio',
        'reason_to_give_up', 'record_generation_end', 'record_generation_jobs', 'refund_credit',
        'refund_credit_atomic', 'refund_credit_batch', 'retry_generation', 'submit_generation',
        'submit_generation_batch', 'tell_generation', 'tell_generation_job'])
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_function);
    END LOOP;
    PERFORM bursar.build_handlers();
END
$$;
DROP TYPE bursar.generation_request;
DROP TYPE bursar.generation_end;
DROP TYPE bursar.generation_verdict;

DO $$
BEGIN
    IF EXISTS (SELECT FROM public.generation_jobs)
        OR EXISTS (SELECT FROM public.generation_deductions)
        OR EXISTS (SELECT FROM public.profiles)
        OR EXISTS (SELECT FROM bursar.entry WHERE asset = 'generation_credit')
    THEN
        RETURN;
    END IF;
    DROP TABLE public.generation_events, public.generation_deductions, public.generation_outputs,
        public.generation_jobs, public.generation_products;
    PERFORM bursar.forget_asset('generation_credit');
    DROP TABLE public.profiles;
END
$$;
