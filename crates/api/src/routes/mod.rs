//! The handlers, one file a feature. They translate and authorize; the use cases decide.

mod accounts;
mod answer;
mod bets;
mod caps;
mod events;
mod exposure;
mod feeds;
mod freezes;
mod health;
mod limits;
mod markets;
mod producers;
mod reports;
mod statements;
mod stream;
mod trading;
mod wallets;

use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every documented route.
pub fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(accounts::open_account, accounts::list_accounts))
        .routes(routes!(accounts::get_account))
        .routes(routes!(accounts::list_entries))
        .routes(routes!(accounts::credit_account))
        .routes(routes!(accounts::debit_account))
        .routes(routes!(accounts::adjust_account))
        .routes(routes!(accounts::reverse_posting))
        .routes(routes!(wallets::transfer))
        .routes(routes!(wallets::open_wallet, wallets::list_wallets))
        .routes(routes!(stream::stream))
        .routes(routes!(statements::get_balance))
        .routes(routes!(statements::get_statement))
        .routes(routes!(statements::export_statement))
        .routes(routes!(freezes::freeze_account))
        .routes(routes!(freezes::unfreeze_account))
        .routes(routes!(bets::place_bet, bets::list_bets))
        .routes(routes!(bets::get_bet))
        .routes(routes!(events::list_events))
        .routes(routes!(events::get_event))
        .routes(routes!(events::get_presence))
        .routes(routes!(markets::list_markets))
        .routes(routes!(markets::get_market))
        .routes(routes!(markets::suspend_market))
        .routes(routes!(markets::resume_market))
        .routes(routes!(markets::close_market))
        .routes(routes!(markets::settle_market))
        .routes(routes!(caps::list_caps, caps::set_cap))
        .routes(routes!(caps::release_cap))
        .routes(routes!(limits::list_limits, limits::set_limits))
        .routes(routes!(limits::release_limits))
        .routes(routes!(limits::list_factors, limits::set_factor))
        .routes(routes!(exposure::get_exposure))
        .routes(routes!(trading::list_holds))
        .routes(routes!(trading::suspend_outcome))
        .routes(routes!(trading::resume_outcome))
        .routes(routes!(trading::set_margin))
        .routes(routes!(trading::release_margin))
        .routes(routes!(trading::set_prices))
        .routes(routes!(trading::release_prices))
        .routes(routes!(trading::suspend_event))
        .routes(routes!(trading::resume_event))
        .routes(routes!(trading::suspend_sport))
        .routes(routes!(trading::resume_sport))
        .routes(routes!(trading::suspend_all))
        .routes(routes!(trading::resume_all))
        .routes(routes!(producers::list_producers))
        .routes(routes!(feeds::take_uof_message))
        .routes(routes!(reports::trial_balance))
        .routes(routes!(reports::segregation))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}
