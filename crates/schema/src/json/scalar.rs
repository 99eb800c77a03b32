//! What one JSON value that is no list and no object means for a field.

use std::{borrow::Cow, fmt};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::de::{Error, Visitor};
use serde_json::Number;

use crate::{
    EnumType, Kind,
    error::hint,
    nearest,
    value::{put_value, zigzag},
    wire::{self, WireValue},
};

/// A JSON value that is no list and no object.
pub(crate) enum Token<'de> {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(Cow<'de, str>),
}

impl Token<'_> {
    /// What it is, for an error: never its content.
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Float(value) if value.fract() != 0.0 => "a number with a fraction",
            Self::Signed(_) | Self::Unsigned(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
        }
    }

    pub(super) fn refused(&self, expected: &str) -> String {
        format!("expected {expected}, found {}", self.name())
    }
}

/// Takes any [`Token`]; the string says what a list or an object was found instead of.
pub(super) struct TokenVisitor(pub(super) &'static str);

impl<'de> Visitor<'de> for TokenVisitor {
    type Value = Token<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_unit<E: Error>(self) -> Result<Token<'de>, E> {
        Ok(Token::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Token<'de>, E> {
        Ok(Token::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Token<'de>, E> {
        Ok(Token::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Token<'de>, E> {
        Ok(Token::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Token<'de>, E> {
        Ok(Token::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Token<'de>, E> {
        Ok(Token::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Token<'de>, E> {
        Ok(Token::Text(Cow::Borrowed(value)))
    }
}

/// What a field of a kind takes, in words.
pub(crate) fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a whole number from -2147483648 to 2147483647",
        Kind::Uint32 | Kind::Fixed32 => "a whole number from 0 to 4294967295",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a whole number of 64 bits",
        Kind::Uint64 | Kind::Fixed64 => "a whole number of 64 bits that is not negative",
        Kind::Float => "a number in the range of a float",
        Kind::Double => "a number",
        Kind::String => "a string",
        Kind::Bytes => "a string in base64",
        Kind::Enum(it) if it.full_name() == NULL_VALUE => "null",
        Kind::Enum(_) => "the name of an enum value",
        Kind::Message(_) | Kind::Map(_) => "an object",
    }
}

/// Appends a field that is no message.
pub(crate) fn put(out: &mut Vec<u8>, number: u32, kind: Kind, token: &Token<'_>) -> Result<(), String> {
    let refused = || token.refused(expected(kind));
    let fixed32 = |value| WireValue::Fixed32(value);
    let value = match (kind, token) {
        (Kind::Bool, Token::Bool(value)) => Some(WireValue::Varint((*value).into())),
        (Kind::String, Token::Text(text)) => Some(WireValue::Len(text.as_bytes())),
        (Kind::Bytes, Token::Text(text)) => {
            let bytes = base64(text).ok_or("expected a string in base64, found something else in the string")?;
            wire::put_len(out, number, &bytes);
            return Ok(());
        }
        (Kind::Enum(it), token) => return enum_number(it, token).map(|it| wire::put_varint(out, number, extend(it))),
        (Kind::Int32, token) => whole::<i32>(token).map(|value| WireValue::Varint(extend(value))),
        (Kind::Sint32, token) => whole::<i32>(token).map(|value| WireValue::Varint(zigzag(value.into()))),
        (Kind::Sfixed32, token) => whole::<i32>(token).map(i32::cast_unsigned).map(fixed32),
        (Kind::Uint32, token) => whole::<u32>(token).map(|value| WireValue::Varint(value.into())),
        (Kind::Fixed32, token) => whole::<u32>(token).map(fixed32),
        (Kind::Int64, token) => whole::<i64>(token).map(|value| WireValue::Varint(value.cast_unsigned())),
        (Kind::Sint64, token) => whole::<i64>(token).map(|value| WireValue::Varint(zigzag(value))),
        (Kind::Sfixed64, token) => whole::<i64>(token).map(|value| WireValue::Fixed64(value.cast_unsigned())),
        (Kind::Uint64, token) => whole::<u64>(token).map(WireValue::Varint),
        (Kind::Fixed64, token) => whole::<u64>(token).map(WireValue::Fixed64),
        (Kind::Float, token) => float(token).and_then(narrow).map(|value| WireValue::Fixed32(value.to_bits())),
        (Kind::Double, token) => float(token).map(|value| WireValue::Fixed64(value.to_bits())),
        _ => None,
    };
    put_value(out, number, value.ok_or_else(refused)?);
    Ok(())
}

/// Appends field 1 of the entry of a map: a whole number has one spelling only, so that two spellings are two keys.
pub(crate) fn put_key(out: &mut Vec<u8>, kind: Kind, key: &str) -> Result<(), String> {
    let token = match (kind, key) {
        (Kind::String, key) => Token::Text(Cow::Borrowed(key)),
        (Kind::Bool, "true") => Token::Bool(true),
        (Kind::Bool, "false") => Token::Bool(false),
        (Kind::Bool, _) => Token::Null,
        (_, key) => match (key.parse::<i64>(), key.parse::<u64>()) {
            (Ok(number), _) if number.to_string() == key => Token::Signed(number),
            (_, Ok(number)) if number.to_string() == key => Token::Unsigned(number),
            _ => Token::Null,
        },
    };
    put(out, 1, kind, &token).map_err(|_| format!("expected a key that is {}", expected(kind)))
}

/// An enum with more values than this has its name told only.
const MOST_NAMES: usize = 16;

pub(super) const NULL_VALUE: &str = "google.protobuf.NullValue";

fn enum_number(kind: EnumType, token: &Token<'_>) -> Result<i32, String> {
    match token {
        Token::Null if kind.full_name() == NULL_VALUE => Ok(0),
        // The text may be somebody's, so it is not repeated.
        Token::Text(name) => kind.number(name).ok_or_else(|| format!("expected {}", names(kind, name))),
        token => whole(token).ok_or_else(|| token.refused(expected(Kind::Enum(kind)))),
    }
}

fn names(kind: EnumType, given: &str) -> String {
    let names: Vec<&str> = kind.values().iter().map(|value| value.name).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() && others.len() < MOST_NAMES => {
            format!("{} or {last}, or the number of one of them", others.join(", "))
        }
        _ => {
            let nearest = nearest(given, kind.values().iter().map(|value| value.name));
            format!("the name or number of a value of {}{}", kind.full_name(), hint(nearest))
        }
    }
}

/// A whole number, also when it is written with a fraction or exponent that leaves it whole, or as a string.
pub(super) fn whole<N: TryFrom<i128>>(token: &Token<'_>) -> Option<N> {
    let number: i128 = match token {
        Token::Signed(value) => (*value).into(),
        Token::Unsigned(value) => (*value).into(),
        Token::Float(value) => whole_float(*value)?,
        Token::Text(text) => return whole(&number(text)?),
        Token::Null | Token::Bool(_) => return None,
    };
    N::try_from(number).ok()
}

fn float(token: &Token<'_>) -> Option<f64> {
    match token {
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is what JSON means by such a number")]
        Token::Signed(value) => Some(*value as f64),
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is what JSON means by such a number")]
        Token::Unsigned(value) => Some(*value as f64),
        Token::Float(value) => Some(*value),
        Token::Text(text) => match &**text {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => float(&number(text)?),
        },
        Token::Null | Token::Bool(_) => None,
    }
}

/// A number in a string, in the grammar of JSON.
fn number(text: &str) -> Option<Token<'static>> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) || text.ends_with(char::is_whitespace) {
        return None;
    }
    let number: Number = serde_json::from_str(text).ok()?;
    number
        .as_i64()
        .map(Token::Signed)
        .or_else(|| number.as_u64().map(Token::Unsigned))
        .or_else(|| number.as_f64().map(Token::Float))
}

/// The smallest whole number of 64 bits is not taken from a double: smaller ones are rounded to it.
#[expect(clippy::cast_possible_truncation, reason = "whole, and far inside of 128 bits")]
fn whole_float(value: f64) -> Option<i128> {
    const LEAST: f64 = -9_223_372_036_854_775_808.0;
    (value.fract() == 0.0 && value.abs() < 1e20 && value != LEAST).then_some(value as i128)
}

/// The nearest float; none when a finite number lies beyond all of them.
#[expect(clippy::cast_possible_truncation, reason = "checked right behind")]
fn narrow(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

fn extend(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}

/// Base64 in the standard or the url-safe alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let engine = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    engine.decode(text).ok()
}
