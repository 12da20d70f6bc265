//! One integration binary, which mirrors the routes and the parts behind them.
//! `overround runtime exec --profile test -- cargo nextest run` supplies its PostgreSQL and Valkey.

mod accounts;
mod auth;
mod bench;
mod bets;
mod cli;
mod cluster;
mod doctor;
mod exposure;
mod lanes;
mod ledger;
mod limits;
mod live;
mod markets;
mod migrations;
mod openapi;
mod partitions;
mod publishing;
mod rate_limits;
mod readme;
mod refreshing;
mod replay;
mod reports;
mod roles;
mod runtime;
mod sequence;
mod settlement;
mod sim;
mod simulate;
mod statements;
mod stream;
mod tidy;
mod trading;
mod up;
mod wallets;
