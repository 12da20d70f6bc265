//! Ways to break what caps and days say was taken of them.

use super::breakages::Breakage;

pub const CAPPED: &[Breakage] = &[
    (
        "a share that says more was taken than its bets took",
        "B6",
        1,
        "SELECT t.cap();
         INSERT INTO betting.allowances VALUES (t.id('c'), 3, 9, 8)",
    ),
    (
        "shares that are more than their cap",
        "B6",
        1,
        "SELECT t.cap();
         INSERT INTO betting.allowances VALUES (t.id('c'), 3, 9, 0), (t.id('c'), 4, 1, 0)",
    ),
    (
        "a bet that took of a cap what it did not stake",
        "B6",
        2,
        "SELECT t.cap();
         INSERT INTO betting.allowances VALUES (t.id('c'), 3, 9, 8), (t.id('c'), 4, 0, 0);
         UPDATE betting.bets SET limit_decision = jsonb_build_object('caps', jsonb_build_array(
             jsonb_build_object('cap_id', t.id('c'), 'measure', 'STAKES', 'cents', 9))) WHERE id = t.id('won')",
    ),
    (
        "a day whose payouts no bet counts for",
        "B7",
        1,
        "INSERT INTO betting.day_payouts VALUES (t.id('ann'), 3, 20000, 7)",
    ),
    (
        "a bet that counts for a day without a row",
        "B7",
        1,
        r#"UPDATE betting.bets SET limit_decision = '{"payout_day": 20000}' WHERE id = t.id('won')"#,
    ),
];
