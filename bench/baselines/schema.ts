/** The tables of the comparison brokers: three rows for an order, three for its outcome. */

export const schema = `
create table instances (id text primary key, plan text not null, state text not null, body text, updated_at integer);
create table operations (token text primary key, instance text not null, state text not null, updated_at integer);
create table audit (id integer primary key, at integer, who text, what text, instance text);
create index operations_by_instance on operations (instance);
`;
