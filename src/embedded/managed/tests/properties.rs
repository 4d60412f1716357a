//! Laws that hold for whatever is applied and written.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{super::*, Life};

fn number() -> impl Strategy<Value = Value> {
    (0..3_i64).prop_map(Value::from)
}

fn text() -> impl Strategy<Value = Value> {
    proptest::sample::select(vec!["a", "b", "c"]).prop_map(Value::from)
}

/// Some of the named fields.
fn fields(of: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let each: Vec<_> = of
        .into_iter()
        .map(|(name, value)| {
            proptest::option::of(value).prop_map(move |value| value.map(|value| (name, value)))
        })
        .collect();
    each.prop_map(|fields| {
        let map: Map<_, _> =
            fields.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(map)
    })
    .boxed()
}

fn numbers() -> BoxedStrategy<Value> {
    fields(vec![("a", number().boxed()), ("b", number().boxed())])
}

fn items() -> impl Strategy<Value = Value> {
    let names = proptest::sample::subsequence(vec!["x", "y", "z"], 0..=3).prop_shuffle();
    (names, proptest::collection::vec(numbers(), 3)).prop_map(|(names, items)| {
        let named = names.into_iter().zip(items).map(|(name, mut item)| {
            item["name"] = json!(name);
            item
        });
        named.collect()
    })
}

fn set() -> impl Strategy<Value = Value> {
    proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4)
        .prop_shuffle()
        .prop_map(|values| json!(values))
}

fn spec() -> BoxedStrategy<Value> {
    let map = |value: BoxedStrategy<Value>| fields(vec![("p", value.clone()), ("q", value)]);
    fields(vec![
        ("n", number().boxed()),
        ("s", text().boxed()),
        ("inner", numbers()),
        ("atom", numbers()),
        ("labels", map(text().boxed())),
        ("maps", map(numbers())),
        ("set", set().boxed()),
        ("items", items().boxed()),
        ("any", map(map(number().boxed()))),
    ])
}

/// A spec of which at least one field has an owner: of an object without any, writes are not
/// recorded, and the first to apply finds a writer before him.
fn owned_spec() -> impl Strategy<Value = Value> {
    (spec(), number()).prop_map(|(mut spec, n)| {
        spec["n"] = n;
        spec
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn applying_twice_is_applying_once(before in spec(), applied in spec()) {
        let mut life = Life::new();
        life.update("updater", |new| new["spec"] = before);
        life.try_apply("one", applied.clone(), true).expect("force");
        let once = life.live.clone();
        life.apply("one", applied);
        prop_assert_eq!(life.live, once);
    }

    #[test]
    fn what_is_applied_is_there_afterwards(before in spec(), applied in spec()) {
        let mut life = Life::new();
        life.update("updater", |new| new["spec"] = before);
        life.try_apply("one", applied.clone(), true).expect("force");
        let (schema, gvk) = super::thing();
        let node = schema.root(&gvk).expect("the kind");
        let fields = extract::fields(node, &super::object(applied.clone()));
        let live = extract::fields(node, life.live.as_ref().expect("an object"));
        for path in fields.leaves() {
            let wanted = path.get(&super::object(applied.clone())).cloned();
            // An empty map says only that it is there.
            if wanted.as_ref().and_then(Value::as_object).is_none_or(|map| !map.is_empty()) {
                prop_assert_eq!(path.get(life.live.as_ref().expect("one")).cloned(), wanted);
            }
            prop_assert!(live.covers(&path), "{}", path);
        }
    }

    #[test]
    fn who_stops_applying_leaves_no_trace(other in owned_spec(), applied in spec()) {
        let mut life = Life::new();
        life.apply("other", other.clone());
        let alone = life.spec();
        life.try_apply("one", applied, false).ok();
        // Whatever both wanted stays; whatever only one wanted goes.
        life.try_apply("one", Value::Null, false).expect("nothing to be in conflict about");
        life.apply("other", other);
        prop_assert_eq!(life.owned("one"), json!({}));
        prop_assert_eq!(spoken_of(&life.spec()), spoken_of(&alone));
    }

    #[test]
    fn a_write_is_owned_by_its_writer_to_the_last_field(before in owned_spec(), after in spec()) {
        let mut life = Life::new();
        life.apply("one", before);
        life.update("two", |new| new["spec"] = after);
        let (schema, gvk) = super::thing();
        let node = schema.root(&gvk).expect("the kind");
        let live = extract::fields(node, life.live.as_ref().expect("an object"));
        let mut owned = FieldSet::parse(&life.owned("one"));
        owned.merge(&FieldSet::parse(&life.owned("two")));
        for path in live.without(reset::stripped()).leaves() {
            let ours = path.0.first() == Some(&crate::object::PathElement::Field("spec".into()));
            let value = path.get(life.live.as_ref().expect("an object"));
            // Who empties a map does not own that it is empty.
            let empty = value.and_then(Value::as_object).is_some_and(Map::is_empty);
            prop_assert!(!ours || empty || owned.covers(&path), "nobody owns {}", path);
        }
    }

    #[test]
    fn to_write_what_is_there_changes_nothing(before in spec()) {
        let mut life = Life::new();
        life.apply("one", before);
        let was = life.live.clone();
        life.update("two", |_| {});
        prop_assert_eq!(life.live, was);
    }
}

/// What a spec speaks of. Lists may be in any order, who comes last sets it; and nobody owns an
/// empty one, so it stays when nobody wants it any more.
fn spoken_of(spec: &Value) -> Value {
    let (schema, gvk) = super::thing();
    let node = schema.root(&gvk).expect("the kind");
    extract::fields(node, &super::object(spec.clone())).to_json()
}
