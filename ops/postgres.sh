#!/bin/sh
# The role that the servers are: it owns nothing, so that row-level security binds it. `heptad migrate` gives it the rights
# to read and write rows. The image makes the owner.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$SERVER_PASSWORD" <<'SQL'
create role heptad_server login nosuperuser nocreatedb nocreaterole password :'password';
SQL
