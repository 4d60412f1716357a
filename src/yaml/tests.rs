use std::fmt::Write;

use proptest::{collection, prelude::*};
use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Documents<'_> {
    load(text.as_bytes(), &Limits::default())
}

/// The one document of a text without errors.
fn value(text: &str) -> Value {
    let Documents { mut documents, errors, .. } = read(text);
    assert_eq!((errors, documents.len()), (vec![], 1), "{text:?}");
    documents.remove(0).value
}

/// The errors of a text as `LINE: message`.
fn errors(text: &str) -> Vec<String> {
    said(read(text).errors)
}

fn warnings(text: &str) -> Vec<String> {
    said(read(text).warnings)
}

fn said(problems: Vec<Problem>) -> Vec<String> {
    problems.into_iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
}

#[test]
fn each_document_knows_its_first_line() {
    let loaded = read("# head\n\na: 1\n---\n# only a comment\n---\n\n- b\n--- # c\n{c: 3}\n...\n");
    let found: Vec<_> = loaded.documents.iter().map(|d| (d.line, d.value.clone())).collect();
    assert_eq!(found, [(3, json!({"a": 1})), (8, json!(["b"])), (10, json!({"c": 3}))]);
    assert_eq!((loaded.errors, loaded.warnings), (vec![], vec![]));
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let loaded = read("a: 1\n---\nb: [\n---\nc: 3\n");
    let values: Vec<_> = loaded.documents.iter().map(|d| d.value.clone()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"c": 3})]);
    assert_eq!(loaded.errors.len(), 1);
    assert!((3..=4).contains(&loaded.errors[0].line), "{:?}", loaded.errors);
}

#[test]
fn errors_name_their_line() {
    let table = [
        ("a: 1\n\tb: 2\n", "2: a tab can't indent; use blanks"),
        ("a:\n\tb: 2\n", "2: a tab can't indent; use blanks"),
        ("a:\n  b: 1\n \tc: 2\n", "3: a tab can't indent; use blanks"),
        ("a: 1\nb: .inf\n", "2: `.inf` has no equal in JSON; quote it"),
        ("a:\n  ~: 1\n", "2: `~` can't be a key; quote it"),
        ("a: 1\n? [x]\n: 1\n", "2: a map or list can't be a key"),
        ("x: 1\na: &a [*a]\n", "2: an anchor's value contains itself"),
        ("a: 1\nb:\n  <<: 3\n", "3: `<<` takes a map or a list of maps"),
        ("a: !!int x\n", "1: the value does not fit the tag !!int"),
        ("a: 1\nb: !!binary '*'\n", "2: the value of !!binary is not base64"),
        ("a: 1\nb: x\u{1}\n", "2: holds the control character U+0001"),
        ("a: 1\n--- b\n", "2: `---` is followed by `b`"),
        ("a: 1\nb: *nobody\n", "2: "),
    ];
    for (text, wanted) in table {
        let errors = errors(text);
        assert!(errors.iter().any(|error| error.starts_with(wanted)), "{text:?}: {errors:?}");
    }
}

#[test]
fn what_a_person_may_not_expect_is_a_warning() {
    let table = [
        ("a: 1\nb: yes\n", "2: `yes` is read as true; write true, or quote it"),
        ("a: off\n", "1: `off` is read as false; write false, or quote it"),
        (
            "a: 08\n",
            "1: a number with a leading zero and a digit above 7 is no octal number and is read as decimal; leave the zero out, or quote it",
        ),
        (
            "a: 1_000\n",
            "1: a number with underscores is read without them; quote it if text is meant",
        ),
        ("on: 1\n", "1: the key `on` is read as \"true\"; quote it"),
        ("1.10: 1\n", "1: the key `1.10` is read as \"1.1\"; quote it"),
        ("a: 1\nb: 1\na: 2\n", "3: the key `a` is here a second time; the last one counts"),
        (
            "b: &b {x: 1}\na:\n  x: 2\n  <<: *b\n",
            "4: `<<` replaces the key `x` that stands above it; move `<<` to the top of the map",
        ),
        (
            "a: 18446744073709551615\n",
            "1: a number beyond 63 bits loses digits; quote it if text is meant",
        ),
        (
            "a: 1\n...\nb: 2\n",
            "3: kubectl does not read the text from here on; start a new document with `---`",
        ),
        (
            "a: x\u{2028}y\n",
            "1: holds the character U+2028, which kubectl takes for a line break; escape it",
        ),
    ];
    for (text, wanted) in table {
        assert_eq!(warnings(text), [wanted], "{text:?}");
    }
}

#[test]
fn ordinary_manifests_give_no_warning() {
    let text = "mode: 0644\nport: 8080\nok: true\nname: \"yes\"\n8080: x\nempty: ~\n\
                base: &b {x: 1}\nuse:\n  <<: *b\n  x: 2\n";
    assert_eq!(warnings(text), Vec::<String>::new());
    assert_eq!(value(text)["mode"], json!(420));
}

#[test]
fn json_is_read_as_json() {
    let loaded = read("{\"a\": 1.0, \"u\": 18446744073709551615}\n\n{\"b\": \"\\/\"}\n");
    let found: Vec<_> = loaded.documents.iter().map(|d| (d.line, d.value.clone())).collect();
    assert_eq!(found[0], (1, json!({"a": 1.0, "u": 18_446_744_073_709_551_615.0})));
    assert_eq!(found[1], (3, json!({"b": "/"})));
    assert_eq!(
        value("{\"a\": 1}\n---\n{\"b\": 2}\n".split("---").next().unwrap()),
        json!({"a": 1})
    );
    assert_eq!(read("{\"a\": 1}\n---\n{\"b\": 2}\n").documents.len(), 2);
    assert_eq!(value("{a: yes}"), json!({"a": true}));
    let broken = errors("{\n  \"a\": 1\n  \"b\": 2\n}\n");
    assert!(broken[0].starts_with("3: not JSON: expected `,` or `}`"), "{broken:?}");
}

#[test]
fn the_line_of_a_value_is_found_by_its_pointer() {
    let text = "# x\nmetadata:\n  labels:\n    a/b: 1\n    c: &c\n      - x\n      - y: 2\n\
                  d: *c\nitems:\n- {k: v}\n-\n  k: w\n";
    let loaded = read(text);
    let document = &loaded.documents[0];
    for (pointer, line) in [
        ("", 2),
        ("/metadata", 3),
        ("/metadata/labels/a~1b", 4),
        ("/metadata/labels/c/0", 6),
        ("/metadata/labels/c/1/y", 7),
        ("/metadata/labels/gone/deeper", 4),
        ("/d/0", 8),
        ("/items/0/k", 10),
        ("/items/1/k", 12),
    ] {
        assert_eq!(document.line_of(pointer), line, "{pointer}");
    }
    let second = read("a: 1\n---\nb:\n  c: 1\n");
    assert_eq!(second.documents[1].line_of("/b/c"), 4);
}

#[test]
fn encodings_and_line_ends_are_tolerated_or_named() {
    assert_eq!(value("\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\n"), json!({"a": 1, "b": "x\ny\n"}));
    let latin = load(b"a: 1\nb: caf\xe9\n", &Limits::default());
    assert_eq!(said(latin.errors), ["2: not UTF-8 text"]);
    let binary = load(b"\x7fELF\x02\x01\0\0\0", &Limits::default());
    assert!(binary.documents.is_empty() && binary.errors.len() == 1);
    let utf16 = load(b"\xff\xfea\0:\0 \0", &Limits::default());
    assert_eq!(said(utf16.errors), ["1: not UTF-8 text"]);
    for empty in ["", "\n", "# x", "---", "---\n---\n", "null", "~\n...\n"] {
        let loaded = read(empty);
        assert_eq!((loaded.documents.len(), loaded.errors), (0, vec![]), "{empty:?}");
    }
}

#[test]
fn an_alias_bomb_is_refused_and_its_line_named() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").unwrap();
    }
    let errors = errors(&text);
    assert_eq!(errors, ["6: aliases expand to more than 400000 values"]);
}

#[test]
fn an_alias_bomb_of_long_texts_is_refused() {
    let long = "x".repeat(1 << 20);
    let aliases = "- *a\n".repeat(10_000);
    let errors = errors(&format!("a: &a {long}\nb:\n{aliases}"));
    assert!(errors[0].ends_with("aliases expand to more than 400000 values"), "{errors:?}");
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        let errors = errors(&text);
        assert_eq!(errors, ["1: nested deeper than 100 levels"], "{}", &text[..8]);
    }
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(errors(&nested(100)).is_empty());
    assert_eq!(errors(&nested(101)), ["1: nested deeper than 100 levels"]);
    let json = format!("{{\"a\": {}}}", nested(100));
    assert_eq!(errors(&json), ["1: nested deeper than 100 levels"]);
    // Each alias alone is within the limit, the sum is not.
    let half = nested(60);
    let text = format!("a: &a {half}\nb: {}*a{}\n", "[".repeat(60), "]".repeat(60));
    assert_eq!(errors(&text), ["2: nested deeper than 100 levels"]);
}

#[test]
fn limits_name_themselves() {
    let tight = Limits {
        bytes_max: 60,
        documents_max: 2,
        nodes_max: 8,
        warnings_max: 1,
        ..Limits::default()
    };
    let check = |text: &str| said(load(text.as_bytes(), &tight).errors);
    assert_eq!(check(&"x".repeat(61)), ["1: 61 bytes, the limit is 60; split the file"]);
    assert_eq!(check("a: 1\n---\nb: 1\n---\nc: 1\n"), ["5: more than 2 documents in one file"]);
    assert_eq!(
        check("{\"a\": 1} {\"b\": 1}\n{\"c\": 1}"),
        ["2: more than 2 documents in one file"]
    );
    assert_eq!(check("[1,\n2,3,4,5,6,7,8,9]"), ["2: more than 8 values in one document"]);
    let loaded = load(b"a: yes\nb: no\n", &tight);
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn reading_takes_time_in_proportion_to_the_text() {
    // Each of these was quadratic in some reader; a thousand times the work would not end here.
    let shapes = [
        "a: 1\n".repeat(200_000),
        "- a\n".repeat(200_000),
        format!("a: \"{}\"\n", "x\\n".repeat(200_000)),
        format!("a: |\n{}", "  line\n".repeat(200_000)),
        format!("a: {}\n", "word ".repeat(200_000)),
        format!("a:\n{}", "  word\n".repeat(200_000)),
        "# comment\n".repeat(200_000),
        "---\na: 1\n".repeat(9_000),
        "&a ".repeat(50_000),
        "\n".repeat(1_000_000),
        "? a\n".repeat(100_000),
        format!("[{}]", "a, ".repeat(200_000)),
        "a: yes\n".repeat(100_000),
        "\u{2028}".repeat(100_000),
        "a\u{85}".repeat(100_000),
        "{".repeat(100_000),
        "!!str ".repeat(50_000),
        "a: &a b\n".repeat(50_000),
    ];
    for text in shapes {
        let loaded = read(&text);
        assert!(loaded.warnings.len() <= Limits::default().warnings_max + 1);
    }
}

#[test]
fn printing_quotes_what_would_be_read_as_something_else() {
    let printed = print(&json!({
        "z": [1, "1", true, "yes", "on", null, "null", "", "~", "0644", "1_0", "0o7", ".inf"],
        "a": {"on": "x", "<<": "y", "k: v": "# z", "e": {}, "l": [], "n": [[1, [2]], {"q": [3]}]},
        "text": "one\ntwo\n",
        "date": "2001-01-01",
        "time": "12:30:45",
        "image": "nginx:1.25",
        "dash": "- x",
        "space": " x ",
        "quote": "it's: so",
        "tab": "a\tb",
        "emoji": "é😀",
    }));
    let wanted = "a:\n  \"<<\": \"y\"\n  e: {}\n  'k: v': '# z'\n  l: []\n  \"n\":\n  - - 1\n    - - 2\n  - q:\n    - 3\n  \"on\": x\n\
        dash: '- x'\ndate: \"2001-01-01\"\nemoji: é😀\nimage: nginx:1.25\nquote: 'it''s: so'\nspace: ' x '\n\
        tab: \"a\\tb\"\ntext: |\n  one\n  two\ntime: \"12:30:45\"\n\
        z:\n- 1\n- \"1\"\n- true\n- \"yes\"\n- \"on\"\n- null\n- \"null\"\n- ''\n- \"~\"\n- \"0644\"\n- \"1_0\"\n- \"0o7\"\n- \".inf\"\n";
    assert_eq!(printed, wanted);
}

/// Texts that are likely to be misread.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{0,8}",
        3 => "[-+0-9._xobeE:]{1,8}",
        2 => proptest::sample::select(vec![
            "yes", "NO", "on", "~", "null", "<<", "=", "---", "...", "--- x", "- a", "? b", "a: b",
            "a #b", "#x", "a:", "'", "\"", "\\", "{}", "[]", "&a", "*a", "!a", "%a", "@", "`", "|",
            ">", "2001-01-01", "1:20", "0x1f", "1e3", "\u{feff}", "\u{85}", "\u{2028}", "\0",
        ]).prop_map(str::to_owned),
        2 => "[ \\t\\n\\r:#a'\"-]{0,12}",
        1 => ".{0,20}",
        1 => "(?s)[a-z \\n]{0,60}",
        1 => "[a-z:]{120,160}",
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("a whole float comes back as an integer", |f| f.fract() != 0.0)
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            collection::btree_map(text(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(value in json_value()) {
        let printed = print(&value);
        let loaded = read(&printed);
        prop_assert_eq!(&loaded.errors, &vec![], "{}", printed);
        let found = loaded.documents.into_iter().next().map_or(Value::Null, |d| d.value);
        prop_assert_eq!(found, value, "{}", printed);
    }

    #[test]
    fn json_is_read_back(value in json_value()) {
        let text = json!({"v": value}).to_string();
        let wanted: Value = serde_json::from_str(&text).unwrap();
        let loaded = read(&text);
        prop_assert_eq!(&loaded.errors, &vec![], "{}", text);
        prop_assert_eq!(&loaded.documents[0].value, &wanted, "{}", text);
    }

    #[test]
    fn no_text_is_too_strange(text in "[-a:\\[\\]{},&*!|>'\"#%@`? \\t\\n0-9<.\\\\~é\u{2028}]{0,80}") {
        let loaded = read(&text);
        for problem in loaded.errors.iter().chain(&loaded.warnings) {
            prop_assert!(problem.line as usize <= text.lines().count() + 1);
        }
        for document in &loaded.documents {
            let again = print(&document.value);
            let loaded = read(&again);
            prop_assert_eq!(&loaded.errors, &vec![], "{}", again);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in collection::vec(any::<u8>(), 0..200)) {
        let _ = load(&bytes, &Limits::default());
    }
}
