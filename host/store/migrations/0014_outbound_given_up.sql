-- A request that was given up is kept for as long as its dead letter may be replayed, and does not wait any more.
alter table outbound_requests add column given_up_at bigint;
