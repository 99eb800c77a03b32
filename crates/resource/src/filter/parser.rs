//! From words to an expression, by the grammar of AIP-160.

use campus_store::Expr;

use super::{
    lexer::{Token, Word},
    restriction,
};
use crate::kind::Kind;

/// Deepest nesting, and most comparisons, of a filter.
const DEEPEST: usize = 32;
const MOST: usize = 100;

pub(super) fn parse(kind: &Kind, tokens: &[Token]) -> Result<Expr, String> {
    let mut parser = Parser { kind, rest: tokens, depth: 0, restrictions: 0 };
    let expr = parser.expression()?;
    match parser.rest.first() {
        None => Ok(expr),
        Some(token) => Err(format!("at character {}: this parenthesis closes nothing", token.at)),
    }
}

struct Parser<'a> {
    kind: &'a Kind,
    rest: &'a [Token],
    depth: usize,
    restrictions: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Word> {
        self.rest.first().map(|token| &token.word)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Bare(word)) if word == keyword);
        if found {
            self.next();
        }
        found
    }

    /// sequence {"AND" sequence}, where a sequence is factors side by side: all must hold.
    fn expression(&mut self) -> Result<Expr, String> {
        let mut all = vec![self.factor()?];
        loop {
            if self.keyword("AND") || !matches!(self.peek(), None | Some(Word::Close)) {
                all.push(self.factor()?);
            } else {
                return Ok(single_or(all, Expr::And));
            }
        }
    }

    /// term {"OR" term}
    fn factor(&mut self) -> Result<Expr, String> {
        let mut any = vec![self.term()?];
        while self.keyword("OR") {
            any.push(self.term()?);
        }
        Ok(single_or(any, Expr::Or))
    }

    /// ["NOT" | "-"] (restriction | "(" expression ")")
    fn term(&mut self) -> Result<Expr, String> {
        if self.keyword("NOT") || self.minus() {
            return Ok(Expr::Not(Box::new(self.simple()?)));
        }
        self.simple()
    }

    fn minus(&mut self) -> bool {
        let found = self.peek() == Some(&Word::Minus);
        if found {
            self.next();
        }
        found
    }

    fn simple(&mut self) -> Result<Expr, String> {
        let Some(token) = self.next() else { return Err("at its end: a comparison is missing".into()) };
        let at = token.at;
        match &token.word {
            Word::Open => self.composite(at),
            Word::Bare(field) => self.restriction(at, field),
            Word::Quoted(_) => {
                Err(format!("at character {at}: a value stands alone; write a comparison such as `field = value`"))
            }
            Word::Close | Word::Compare(_) | Word::Minus => Err(format!("at character {at}: a comparison is missing")),
        }
    }

    fn composite(&mut self, at: usize) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("at character {at}: nested deeper than {DEEPEST}"));
        }
        let expr = self.expression()?;
        self.depth -= 1;
        match self.next() {
            Some(Token { word: Word::Close, .. }) => Ok(expr),
            _ => Err(format!("at character {at}: this parenthesis is not closed")),
        }
    }

    fn restriction(&mut self, at: usize, field: &str) -> Result<Expr, String> {
        self.restrictions += 1;
        if self.restrictions > MOST {
            return Err(format!("has more than {MOST} comparisons"));
        }
        if ["and", "or", "not"].contains(&field.to_ascii_lowercase().as_str()) {
            let upper = field.to_ascii_uppercase();
            return Err(format!(
                "at character {at}: `{field}` is out of place; AND and OR stand between comparisons, NOT before one, {upper} in capitals"
            ));
        }
        let Some(Word::Compare(comparator)) = self.peek() else {
            return Err(format!(
                "at character {at}: `{field}` stands alone; write a comparison such as `field = value`"
            ));
        };
        self.next();
        let (value, quoted) = match self.next() {
            Some(Token { word: Word::Bare(value), .. }) => (value, false),
            Some(Token { word: Word::Quoted(value), .. }) => (value, true),
            other => {
                let at = other.map_or_else(|| "at its end".into(), |token| format!("at character {}", token.at));
                return Err(format!("{at}: a value is missing after `{field} {}`", comparator.sign()));
            }
        };
        restriction::compile(self.kind, field, *comparator, value, quoted)
            .map_err(|why| format!("at character {at}: {why}"))
    }
}

fn single_or(mut list: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match (list.len(), list.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            list.extend(last);
            many(list)
        }
    }
}
