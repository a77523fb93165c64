-- How many events of a replay were dealt with when it was cancelled: its lane, which knew, is gone then.
alter table replays add column done bigint;
