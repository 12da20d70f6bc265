//! Synthetic messages, from the public schema.

pub(crate) const ALIVE: &str = r#"<alive product="1" timestamp="1000" subscribed="1"/>"#;
pub(crate) const ALIVE_AFTER_A_GAP: &str = r#"<alive product="1" timestamp="1000" subscribed="0"/>"#;
pub(crate) const SNAPSHOT_COMPLETE: &str =
    r#"<snapshot_complete product="3" timestamp="1001" request_id="42"/>"#;
pub(crate) const FIXTURE_CHANGE: &str = r#"<fixture_change event_id="sr:match:1" product="3" timestamp="1002" change_type="2" start_time="9000"/>"#;
pub(crate) const ROLLBACK_BET_SETTLEMENT: &str = r#"<rollback_bet_settlement event_id="sr:match:1" product="1" timestamp="1003">
    <market id="47"/><market id="62" specifiers="goalnr=1"><outcome id="6"/><outcome id="7"/></market>
</rollback_bet_settlement>"#;
pub(crate) const BET_CANCEL_SUPERCEDED: &str = r#"<bet_cancel event_id="sr:match:1" product="3" timestamp="1004" end_time="900" superceded_by="sr:match:2"><market id="1"/></bet_cancel>"#;
pub(crate) const BET_SETTLEMENT: &str = r#"<bet_settlement event_id="sr:match:1" product="1" certainty="1" timestamp="1005"><outcomes>
    <market id="1" void_reason="3"><outcome id="1" result="-1"/><outcome id="2" void_factor="1.0"/><outcome id="3" result="0" void_factor="0.5"/></market>
</outcomes></bet_settlement>"#;

/// An `odds_change` of one producer at an instant with these children of the root.
pub(crate) fn odds_change(product: u32, at: i64, children: &str) -> String {
    format!(
        r#"<odds_change product="{product}" event_id="sr:match:1" timestamp="{at}">{children}</odds_change>"#
    )
}

/// An `odds_change` of these markets.
pub(crate) fn odds(product: u32, at: i64, markets: &str) -> String {
    odds_change(product, at, &format!("<odds>{markets}</odds>"))
}

/// An `odds_change` of the market 1x2 with further attributes and these three odds.
pub(crate) fn three_way(product: u32, at: i64, attributes: &str, odds_of: [&str; 3]) -> String {
    let outcomes: String = (1..)
        .zip(odds_of)
        .map(|(id, odds)| format!(r#"<outcome id="{id}" odds="{odds}" active="1"/>"#))
        .collect();
    odds(product, at, &format!(r#"<market id="1" {attributes}>{outcomes}</market>"#))
}

/// A `bet_stop` with further attributes.
pub(crate) fn bet_stop(product: u32, at: i64, attributes: &str) -> String {
    format!(r#"<bet_stop product="{product}" event_id="sr:match:1" timestamp="{at}" {attributes}/>"#)
}
