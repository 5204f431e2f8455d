//! `/riktlinje`: the rules as a page for people.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use super::app::App;
use crate::definitions::page;

/// Every rule with its source and its severity in every region, as a page in Swedish.
#[utoipa::path(
    get,
    path = "/riktlinje",
    tag = "service",
    responses((status = 200, description = "The rules of the riktlinje, for people", content_type = "text/html")),
)]
pub async fn riktlinje(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        // The page is whole in itself: nothing is fetched, nothing runs.
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ))
        .body(page::riktlinje(&app.door.policies))
}
