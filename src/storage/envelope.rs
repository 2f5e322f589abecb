//! The one place where a record becomes bytes and bytes a record.
//!
//! Every value of a record tree and every image is an envelope: one byte for the form of what follows (0: plain, the only
//! one so far), two bytes for the schema number, big endian, then the content. An encrypted form would be another
//! first byte, made in [`wrap`] and undone in [`unwrap`], and nothing else would change.
//!
//! Records are JSON inside. They hold types of other crates, some with optional or defaulted fields, which need a
//! self-describing form (postcard is not one); a field can be added without a new schema; and a person's data can
//! be read with any tool. They are a few kilobytes, so size does not matter. Images are kept as they are.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::StoreError;
use crate::tree::{self, Tree};

/// First byte of an envelope whose content is neither encrypted nor compressed.
const PLAIN: u8 = 0;

/// Schema of an image's envelope.
pub(crate) const IMAGE_SCHEMA: u16 = 1;

/// Is a kind of record.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The tree it is kept in.
    const TREE: Tree;
    /// The schema it is written with. Raise it when a change is more than a new field with a default, and teach
    /// [`migrate`](Self::migrate) the step.
    const SCHEMA: u16;

    /// Turns a record of an older schema into one of the next; `None` if there is no such step.
    fn migrate(_from: u16, _record: Value) -> Option<Value> {
        None
    }
}

/// Writes a record.
///
/// It is read back before it is accepted: what cannot be read again (a number that is not finite, say) must be
/// refused while its writer can still do something about it.
pub(crate) fn seal<R: Record>(record: &R) -> Result<Vec<u8>, StoreError> {
    let unwritable = |error: serde_json::Error| StoreError::Unwritable {
        tree: R::TREE.name(),
        reason: error.to_string(),
    };
    let content = serde_json::to_vec(record).map_err(unwritable)?;
    serde_json::from_slice::<R>(&content).map_err(unwritable)?;
    Ok(wrap(R::SCHEMA, &[&content]))
}

/// Reads a record, migrating it if it is of an older schema.
pub(crate) fn open<R: Record>(key: &[u8], bytes: &[u8]) -> Result<R, StoreError> {
    let corrupt = |reason: String| corrupt(R::TREE, key, reason);
    let (found, content) = unwrap(R::TREE, key, bytes, R::SCHEMA)?;
    if found == R::SCHEMA {
        return serde_json::from_slice(content).map_err(|error| corrupt(error.to_string()));
    }
    let mut value: Value = serde_json::from_slice(content).map_err(|error| corrupt(error.to_string()))?;
    for from in found..R::SCHEMA {
        value =
            R::migrate(from, value).ok_or_else(|| corrupt(format!("nothing leads on from schema {from}")))?;
    }
    serde_json::from_value(value).map_err(|error| corrupt(format!("after migration: {error}")))
}

/// Puts content into an envelope.
pub(crate) fn wrap(schema: u16, content: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![PLAIN];
    bytes.extend(schema.to_be_bytes());
    for part in content {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Takes content out of its envelope, with its schema, which is at most `known`.
pub(crate) fn unwrap<'a>(
    tree: Tree,
    key: &[u8],
    bytes: &'a [u8],
    known: u16,
) -> Result<(u16, &'a [u8]), StoreError> {
    let [PLAIN, high, low, content @ ..] = bytes else {
        let reason = match bytes.first() {
            Some(form) if *form != PLAIN => format!("unknown form {form}"),
            _ => format!("only {} bytes", bytes.len()),
        };
        return Err(corrupt(tree, key, reason));
    };
    let found = u16::from_be_bytes([*high, *low]);
    if found > known {
        return Err(StoreError::NewerRecord {
            tree: tree.name(),
            key: tree::show(key),
            found,
            known,
        });
    }
    Ok((found, content))
}

/// Makes the error for a record that cannot be read.
pub(crate) fn corrupt(tree: Tree, key: &[u8], reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        tree: tree.name(),
        key: tree::show(key),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// A record in its third schema: the first had `name`, the second `title`, the third counts as well.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Third {
        title: String,
        count: f64,
    }

    impl Record for Third {
        const TREE: Tree = Tree::Jobs;
        const SCHEMA: u16 = 3;

        fn migrate(from: u16, mut record: Value) -> Option<Value> {
            match from {
                1 => Some(json!({ "title": record.get_mut("name")?.take() })),
                2 => {
                    record.as_object_mut()?.insert("count".to_owned(), json!(1.0));
                    Some(record)
                }
                _ => None,
            }
        }
    }

    fn written(schema: u16, json: &Value) -> Vec<u8> {
        wrap(schema, &[json.to_string().as_bytes()])
    }

    #[test]
    fn a_record_reads_back_as_it_was() {
        let record = Third {
            title: "taste".to_owned(),
            count: 0.1 + 0.2,
        };
        assert_eq!(open::<Third>(&[], &seal(&record).unwrap()).unwrap(), record);
    }

    #[test]
    fn an_older_record_is_migrated_step_by_step() {
        let expected = Third {
            title: "old".to_owned(),
            count: 1.0,
        };
        assert_eq!(
            open::<Third>(&[], &written(1, &json!({ "name": "old" }))).unwrap(),
            expected
        );
        assert_eq!(
            open::<Third>(&[], &written(2, &json!({ "title": "old" }))).unwrap(),
            expected
        );
    }

    #[test]
    fn a_newer_record_is_refused_by_name() {
        let error = open::<Third>(&tree::id(7), &written(4, &json!({}))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the record 7 in jobs has schema 4, and this release reads up to 3: use the release that wrote it"
        );
    }

    #[test]
    fn broken_bytes_are_an_error_that_names_them() {
        let good = seal(&Third {
            title: "x".to_owned(),
            count: 1.0,
        })
        .unwrap();
        let other_form = [9, 0, 3, b'{', b'}'];
        let no_step = written(0, &json!({}));
        for bytes in [
            &[][..],
            &[0],
            &[0, 0],
            &good[..good.len() - 1],
            &other_form,
            &no_step,
        ] {
            match open::<Third>(&tree::id(12), bytes) {
                Err(StoreError::Corrupt {
                    tree: "jobs", key, ..
                }) => assert_eq!(key, "12"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let error = seal(&Third {
            title: "x".to_owned(),
            count: f64::NAN,
        })
        .unwrap_err();
        assert!(
            matches!(error, StoreError::Unwritable { tree: "jobs", .. }),
            "{error}"
        );
    }
}
