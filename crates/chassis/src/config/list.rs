//! Settings that are lists: written as a list, or as one text with commas, which fits a flag and a variable.

use super::Measure;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeSeq};
use std::{
    fmt::{self, Display},
    marker::PhantomData,
    str::FromStr,
};

/// Values of one kind, in the order they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

/// Measured by the number of its items.
impl<T: Display> Measure for List<T> {
    fn measure(&self) -> u64 {
        self.0.len().measure()
    }

    fn text(&self) -> String {
        format!("\"{self}\"")
    }
}

/// Separated by commas.
impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(T::from_str).collect()
    }
}

impl<T: Display> Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}

/// One item is written as it is, unless that would be read as several.
impl<T: Display> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items: Vec<String> = self.0.iter().map(T::to_string).collect();
        match items.as_slice() {
            [item] if !item.contains(',') => serializer.serialize_str(item),
            items => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
        }
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: FromStr<Err: Display>> de::Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, or a text with commas")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = List::default();
                while let Some(item) = items.next_element::<String>()? {
                    let bad = |why| de::Error::custom(format!("{item:?} is not usable: {why}"));
                    list.0.push(item.trim().parse().map_err(bad)?);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_any(Items(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_from_a_text_and_from_a_list_and_written_so_that_it_can_be_read() {
        let read = |json: &str| serde_json::from_str::<List<u8>>(json).map(|list| list.0);
        assert_eq!(read("\"1, 2,\"").unwrap(), [1, 2]);
        assert_eq!(read("[\"1\", \"2\"]").unwrap(), [1, 2]);
        assert!(read("\"\"").unwrap().is_empty());
        assert!(read("[\"1\", \"x\"]").unwrap_err().to_string().contains("\"x\""));
        let written = |items: &[&str]| serde_json::to_string(&items.iter().copied().collect::<List<&str>>()).unwrap();
        assert_eq!(written(&["a"]), "\"a\"");
        assert_eq!(written(&["a,b"]), "[\"a,b\"]");
        assert_eq!(written(&["a", "b"]), "[\"a\",\"b\"]");
    }
}
