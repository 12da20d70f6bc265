use super::Line;
use crate::test_support::config;
use proptest::prelude::*;

#[test]
fn lines_and_their_texts() {
    for (text, quarters) in
        [("0", 0), ("-0.25", -1), ("2.5", 10), ("-3.75", -15), ("210.5", 842), ("1.250", 5)]
    {
        assert_eq!(text.parse(), Ok(Line::from_quarters(quarters)), "{text}");
    }
    for text in ["", "-", ".5", "1.", "0.3", "+1", "1.125", "1e1", "1.2.5", "9999999999", "--1", "1 "] {
        assert!(text.parse::<Line>().is_err(), "{text:?}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_line_reads_back(quarters in any::<i32>()) {
        let line = Line::from_quarters(quarters);
        prop_assume!(quarters != i32::MIN);
        prop_assert_eq!(line.to_string().parse(), Ok(line));
        let json = serde_json::to_string(&line).unwrap();
        prop_assert_eq!(serde_json::from_str::<Line>(&json).unwrap(), line);
    }
}
