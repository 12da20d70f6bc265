//! Segments, heartbeats, errors, files.

use crate::*;
use overround_feed::betfair::FeedError;
use std::io::{Read, Write};

#[test]
fn segments_apply_as_one_message() {
    let part = |segment: &str, mc: &str| {
        format!(r#"{{"op":"mcm","id":1,"pt":5,"ct":"SUB_IMAGE","segmentType":"{segment}","mc":[{mc}]}}"#)
    };
    let other = definition("OPEN", "", RUNNERS);
    let lines = [
        part("SEG_START", &change(&definition("OPEN", "", RUNNERS))),
        r#"{"op":"mcm","id":2,"pt":5,"ct":"HEARTBEAT"}"#.to_owned(),
        part("SEG", &format!(r#"{{"id":"1.2",{other}}}"#)),
        part("SEG_END", &change(r#""rc":[{"id":11,"atb":[[1.5,1]]}]"#)),
    ];
    let items = play(&lines);
    assert_eq!(items.len(), 2, "another subscription's heartbeat, and the message");
    assert!(items[0].heartbeat);
    let keys: Vec<_> = items[1].changed.iter().map(|market| market.key.as_str()).collect();
    assert_eq!(keys, ["1.1", "1.2"]);
    assert_eq!(best(&items[1].changed[0]), [price(3, 2), None]);
}

#[test]
fn segments_that_do_not_fit_are_errors() {
    let part = |segment: &str| format!(r#"{{"op":"mcm","id":1,"pt":5,"segmentType":"{segment}","mc":[]}}"#);
    let cases: [(&str, &[&str], &[u64]); 4] = [
        ("no start", &["SEG", "SEG_END"], &[1, 2]),
        ("cut off by a start", &["SEG_START", "SEG_START", "SEG_END"], &[2]),
        ("cut off by a whole message", &["SEG_START", "NONE"], &[2]),
        ("cut off by the end", &["SEG_START", "SEG"], &[2]),
    ];
    for (case, segments, expected) in cases {
        let lines: Vec<String> = segments.iter().map(|segment| part(segment)).collect();
        let errors: Vec<FeedError> = recording(&lines).filter_map(Result::err).collect();
        assert_eq!(errors.iter().map(FeedError::line).collect::<Vec<_>>(), expected, "{case}");
        assert!(errors.iter().all(FeedError::is_loss), "{case}: the rest can be played");
    }
}

#[test]
fn heartbeats_and_late_upstreams_are_told() {
    let lines = [
        open(),
        r#"{"op":"mcm","id":2,"clk":"a","pt":9,"ct":"HEARTBEAT"}"#.to_owned(),
        r#"{"op":"mcm","id":2,"status":503}"#.to_owned(),
        prices(12, r#"{"id":11,"atb":[[1.5,2]]}"#),
    ];
    let told: Vec<_> = play(&lines).iter().map(|i| (i.at.millis(), i.heartbeat, i.stale_upstream)).collect();
    assert_eq!(told, [(1, false, false), (9, true, false), (9, false, true), (12, false, false)]);
}

#[test]
fn other_operations_and_blank_lines_are_passed_over() {
    let lines = [
        r#"{"op":"connection","connectionId":"002-1","id":"text"}"#.to_owned(),
        r#"{"op":"status","id":1,"statusCode":"SUCCESS","status":"fine"}"#.to_owned(),
        r#"{"op":"ocm","id":3,"pt":4,"oc":[]}"#.to_owned(),
        "  \r".to_owned(),
        open(),
    ];
    let mut recording = recording(&lines);
    assert_eq!(recording.by_ref().map(Result::unwrap).count(), 1);
    assert_eq!((recording.counts().messages, recording.counts().other_operations), (1, 3));
}

#[test]
fn a_malformed_line_is_an_error_and_the_next_is_read() {
    let bad = [
        "{",
        "[]",
        "null",
        r#"{"pt":3}"#,
        r#"{"op":"mcm","pt":"noon"}"#,
        r#"{"op":"mcm","pt":-1}"#,
        r#"{"op":"mcm","pt":100000000000000}"#,
        r#"{"op":"mcm","pt":1,"mc":[{"id":""}]}"#,
        r#"{"op":"mcm","pt":1,"mc":[{"id":"1 1"}]}"#,
        r#"{"op":"mcm","pt":1,"mc":[{"id":"1.1","rc":[{"id":1,"atb":[[1.5]]}]}]}"#,
        r#"{"op":"mcm","pt":1,"mc":[{"id":"1.1","rc":[{"id":1,"ltp":"2.0"}]}]}"#,
        r#"{"op":"mcm","pt":1,"mc":[{"rc":[]}]}"#,
    ];
    for text in bad {
        let items: Vec<_> = recording(&[text.to_owned(), open()]).collect();
        assert_eq!(items.len(), 2, "{text}");
        assert!(
            matches!(&items[0], Err(FeedError::Malformed { line: 1, input, .. }) if input == "case"),
            "{text}"
        );
        assert!(items[0].as_ref().is_err_and(|error| !error.is_loss()), "{text}");
        assert!(items[1].is_ok(), "{text}");
    }
}

#[test]
fn a_last_line_that_is_torn_is_a_loss_wherever_it_is_torn() {
    let next = prices(2, r#"{"id":11,"hc":0.25,"atb":[[1.5,1]],"ltp":1.5,"tv":12.5}"#)
        .replace("\"x\"", "\"\u{e9}\"");
    for end in 1..next.len() {
        let torn = [open().as_bytes(), b"\n", &next.as_bytes()[..end]].concat();
        let items: Vec<_> = Recording::open([input("case", torn)]).collect();
        assert!(
            matches!(items.as_slice(), [Ok(_), Err(error @ FeedError::Torn { line: 2, .. })] if error.is_loss()),
            "{end}: {items:?}"
        );
    }
    let whole = [open(), next.clone()].join("\n");
    assert!(Recording::open([input("case", whole)]).all(|item| item.is_ok()), "a whole line needs no end");
    let ended: Vec<_> = Recording::open([input("case", format!("{}\n{{\n", open()))]).collect();
    assert!(matches!(&ended[1], Err(FeedError::Malformed { line: 2, .. })), "a line with an end is not torn");
    let only: Vec<_> = Recording::open([input("case", "{")]).collect();
    assert!(
        matches!(&only[0], Err(FeedError::Malformed { line: 1, .. })),
        "nothing says that it is a recording"
    );
}

#[test]
fn what_is_null_or_unknown_is_passed_over() {
    let lines = [
        format!(
            r#"{{"op":"mcm","id":null,"pt":99999999999999,"ct":"NEW","segmentType":"SEG_ODD","mc":[null,{}]}}"#,
            change(&definition("OPEN", "", RUNNERS))
        ),
        r#"{"op":"mcm","pt":null,"segmentType":null,"status":null,"ct":null,"mc":null}"#.to_owned(),
        mcm(3, &change(r#""img":null,"con":null,"marketDefinition":null,"rc":null"#)),
        mcm(
            4,
            &change(
                r#""rc":[null,{"id":11,"hc":null,"ltp":null,"atb":[null,[1.5,1]],"batb":null,"bdatb":null,"atl":null,"bdatl":null,"batl":null}]"#,
            ),
        ),
    ];
    assert_eq!(best(&market_after(&lines)), [price(3, 2), None]);
}

#[test]
fn bytes_that_are_no_text_are_an_error_with_their_line() {
    let bytes = [open().into_bytes(), vec![b'\n', 0xff, 0xfe, b'\n'], open().into_bytes()].concat();
    let items: Vec<_> = Recording::open([input("case", bytes)]).collect();
    let lines: Vec<u64> = items.iter().filter_map(|item| item.as_ref().err()).map(FeedError::line).collect();
    assert_eq!((items.len(), lines), (3, vec![2]));
}

#[test]
fn entries_that_are_no_price_are_counted() {
    let mut recording = recording(&[
        open(),
        prices(2, r#"{"id":11,"atb":[[1,5],[0,0],[1.5,1]],"bdatb":[[-1,1.5,5],[0,0.5,5]]}"#),
    ]);
    assert!(recording.by_ref().all(|item| item.is_ok()));
    assert_eq!(recording.counts().refused_entries, 3);
}

#[test]
fn files_are_merged_by_their_instants() {
    let at = |pt: i64, id: &str| mcm(pt, &format!(r#"{{"id":"{id}",{}}}"#, definition("OPEN", "", RUNNERS)));
    let first = [at(10, "1.1"), at(30, "1.2"), at(20, "1.3")].join("\n");
    let second = [at(10, "2.1"), at(15, "2.2"), at(30, "2.3"), at(40, "2.4")].join("\n");
    let items: Vec<_> =
        Recording::open([input("a", first), input("b", second)]).map(Result::unwrap).collect();
    let order: Vec<_> = items.iter().map(|item| (item.at.millis(), item.changed[0].key.as_str())).collect();
    // 1.3 goes back in its own file: it follows 1.2, and the clock stands still for it.
    let expected =
        [(10, "1.1"), (10, "2.1"), (15, "2.2"), (30, "1.2"), (30, "1.3"), (30, "2.3"), (40, "2.4")];
    assert_eq!(order, expected);
}

#[test]
fn bz2_is_told_by_its_first_bytes() {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(open().as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(Recording::open([input("packed", packed.clone())]).map(Result::unwrap).count(), 1);
    let cut = &packed[..packed.len() / 2];
    let items: Vec<_> = Recording::open([input("cut", cut)]).collect();
    assert!(matches!(items.as_slice(), [Err(FeedError::Read { .. })]), "{items:?}");
}

#[test]
fn a_reader_that_fails_ends_its_input() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    assert!(matches!(Input::new("gone", Failing), Err(FeedError::Read { line: 0, .. })));
    let head = Cursor::new(format!("{}\n", open()));
    let items: Vec<_> = Recording::open([Input::new("half", head.chain(Failing)).unwrap()]).collect();
    assert!(matches!(items.as_slice(), [Ok(_), Err(FeedError::Read { line: 1, .. })]), "{items:?}");
}

#[test]
fn an_empty_recording_has_no_messages() {
    assert_eq!(Recording::open([input("empty", "")]).count(), 0);
    assert_eq!(Recording::open([]).count(), 0);
}
