//! Finding a route: a tree of segments, so that the cost does not grow with the number of routes.
//!
//! A literal goes before `*`, and `*` before `**`, segment by segment from the front; what leads nowhere is gone back on.
//! A node stands at one depth only and is looked at once at most.

use http::Method;

use super::{
    path,
    template::{Segment, Template},
};

/// What is known behind some segments.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// By length and letters.
    literals: Vec<(String, Node)>,
    one: Option<Box<Node>>,
    /// The segments behind a `**`, the last one first.
    many: Option<Box<Node>>,
    ends: Vec<End>,
}

#[derive(Debug)]
struct End {
    verb: Option<String>,
    /// `None` is any method.
    method: Option<Method>,
    route: usize,
}

impl Node {
    /// Adds a route; the route that has the same place already, if there is one.
    pub(super) fn insert(&mut self, template: &Template, method: Option<&Method>, route: usize) -> Option<usize> {
        let mut segments = template.segments.split(|segment| *segment == Segment::Many);
        let mut node = segments.next().unwrap_or_default().iter().fold(self, Self::child);
        if let Some(behind) = segments.next() {
            node = behind.iter().rev().fold(node.many.get_or_insert_default(), Self::child);
        }
        let same = node.ends.iter().find(|end| end.verb == template.verb && end.method.as_ref() == method);
        if let Some(same) = same {
            return Some(same.route);
        }
        node.ends.push(End { verb: template.verb.clone(), method: method.cloned(), route });
        None
    }

    fn child<'n>(node: &'n mut Self, segment: &Segment) -> &'n mut Self {
        let Segment::Literal(text) = segment else { return node.one.get_or_insert_default() };
        let at = match node.place(text) {
            Ok(at) => at,
            Err(at) => {
                node.literals.insert(at, (text.clone(), Self::default()));
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "it was found or put there just now")]
        &mut node.literals[at].1
    }

    fn place(&self, text: &str) -> Result<usize, usize> {
        self.literals.binary_search_by(|(known, _)| (known.len(), known.as_str()).cmp(&(text.len(), text)))
    }

    fn literal(&self, segment: &str) -> Option<&Self> {
        let segment = path::decode(segment, true).ok()?;
        let (_, node) = self.literals.get(self.place(&segment).ok()?)?;
        Some(node)
    }

    /// Hands each node at which the path may end to `take`, the best one first, until it has taken one.
    pub(super) fn walk<'n>(&'n self, rest: Option<&str>, take: &mut impl FnMut(&'n Self) -> bool) -> bool {
        let Some(rest) = rest else {
            return take(self) || self.many.as_ref().is_some_and(|many| many.walk_back(None, take));
        };
        let (segment, after) = rest.split_once('/').map_or((rest, None), |(segment, after)| (segment, Some(after)));
        self.literal(segment).is_some_and(|node| node.walk(after, take))
            || self.one.as_ref().filter(|_| !segment.is_empty()).is_some_and(|node| node.walk(after, take))
            || self.many.as_ref().is_some_and(|many| many.walk_back(Some(rest), take))
    }

    /// The same from the end of the path.
    fn walk_back<'n>(&'n self, rest: Option<&str>, take: &mut impl FnMut(&'n Self) -> bool) -> bool {
        if let Some(rest) = rest {
            let (before, segment) =
                rest.rsplit_once('/').map_or((None, rest), |(before, segment)| (Some(before), segment));
            if self.literal(segment).is_some_and(|node| node.walk_back(before, take))
                || self.one.as_ref().filter(|_| !segment.is_empty()).is_some_and(|node| node.walk_back(before, take))
            {
                return true;
            }
        }
        take(self)
    }

    /// The route of a method and verb that ends here; one for this very method goes before one for any.
    pub(super) fn end(&self, verb: Option<&str>, method: &Method) -> Option<usize> {
        let mut ends = self.ends.iter().filter(|end| end.verb.as_deref() == verb);
        let any = ends.clone().find(|end| end.method.is_none());
        ends.find(|end| end.method.as_ref() == Some(method)).or(any).map(|end| end.route)
    }

    /// The methods that end here; `None` is any.
    pub(super) fn methods(&self, verb: Option<&str>) -> impl Iterator<Item = Option<&Method>> {
        self.ends.iter().filter(move |end| end.verb.as_deref() == verb).map(|end| end.method.as_ref())
    }
}
