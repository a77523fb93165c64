-- Whose installs answer HTTP requests: a request names the install alone, and its shop is found here.
create table app_origins (
    install_id text primary key,
    tenant text not null
);

-- People of a shop on a plugin's own pages. A `pass` leads there from the console, once; what it is changed for is a `visit`,
-- whose secret is in a cookie.
create table app_visits (
    secret_hash text primary key,
    kind text not null,
    install_id text not null,
    tenant text not null,
    user_id text not null,
    role text not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index app_visits_by_end on app_visits (expires_at);
