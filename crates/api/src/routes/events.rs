//! Sporting events.

use super::accounts::{NoParams, PageParams};
use super::answer::listed;
use crate::auth::Caller;
use crate::extract::{Ids, Params};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::events::{Event, Presence};
use crate::wire::{List, schema};
use axum::Json;
use axum::extract::State;
use overround_app::Place;
use overround_domain::ids::EventId;
use serde::Deserialize;
use utoipa::IntoParams;

/// An event in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct EventPath {
    /// The event.
    #[param(value_type = schema::EventId)]
    pub(super) event_id: EventId,
}

/// The events
///
/// Newest first.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(PageParams),
    responses((status = 200, description = "A part of the events.", body = List<Event>)))]
pub async fn list_events(
    State(state): State<ApiState>,
    Params(page): Params<PageParams>,
) -> Result<Json<List<Event>>, Problem> {
    listed("events", &page.into(), |page| state.app.events(page)).await
}

/// One event
#[utoipa::path(get, path = "/v1/events/{event_id}", tag = "events", params(EventPath),
    responses((status = 200, description = "The event.", body = Event)))]
pub async fn get_event(
    State(state): State<ApiState>,
    Ids(path): Ids<EventPath>,
    _: Params<NoParams>,
) -> Result<Json<Event>, Problem> {
    Ok(Json(state.app.event(path.event_id).await?.into()))
}

/// How many are present at an event
///
/// Users who said so on the stream, by whatever device; each counts once. Who they are is told to nobody but themselves.
#[utoipa::path(get, path = "/v1/events/{event_id}/presence", tag = "events", params(EventPath),
    responses((status = 200, description = "How many there are.", body = Presence)))]
pub async fn get_presence(
    State(state): State<ApiState>,
    caller: Caller,
    Ids(path): Ids<EventPath>,
    _: Params<NoParams>,
) -> Result<Json<Presence>, Problem> {
    let view = state.app.presence(Place::Event(path.event_id), caller.user_id()).await?;
    Ok(Json(Presence { event_id: path.event_id, count: view.count, is_present: view.is_there }))
}
