//! "Did you mean": the path that an unknown one was probably meant to be.

use campus_schema::nearest;

use super::{Route, Routes, template::Segment};

/// A path that is longer was not mistyped but made up.
const LONGEST: usize = 512;

impl Routes {
    /// The path without a slash at its end, or with the one segment or verb put right that no route has, if there is a route that is otherwise the same.
    pub fn nearest(&self, path: &str) -> Option<String> {
        if path.len() > LONGEST {
            return None;
        }
        if let Some(without) = path.strip_suffix('/').filter(|path| !self.methods(path).is_empty()) {
            return Some(without.to_owned());
        }
        let mut slips: Vec<Slip<'_>> = self.routes.iter().filter_map(|route| slip(route, path)).collect();
        slips.sort_by_key(|slip| slip.wrong);
        slips.chunk_by(|one, other| one.wrong == other.wrong).find_map(|same| {
            let (from, to) = same.first()?.wrong;
            // With the slash or colon before it, so that one letter is a slip in short ones too: `v2` for `v1`.
            let from = from.checked_sub(1)?;
            let mark = path.get(from..=from)?;
            let known: Vec<String> = same.iter().map(|slip| format!("{mark}{}", slip.right)).collect();
            let right = nearest(path.get(from..to)?, known.iter().map(String::as_str))?;
            Some(format!("{}{right}{}", path.get(..from)?, path.get(to..)?))
        })
    }
}

/// The only part of a path that is not as a route has it.
struct Slip<'r> {
    /// From here to there.
    wrong: (usize, usize),
    right: &'r str,
}

fn slip<'r>(route: &'r Route, path: &str) -> Option<Slip<'r>> {
    let mut rest = path.strip_prefix('/')?;
    let mut verb = None;
    if let Some(known) = &route.pattern.verb {
        let (before, given) = rest.rsplit_once(':').filter(|(_, verb)| !verb.contains('/'))?;
        (rest, verb) = (before, Some((known.as_str(), given)));
    }
    let mut given = rest.split('/');
    let mut at = 1;
    let mut slip = None;
    for segment in &route.pattern.segments {
        let here = given.next()?;
        let end = at + here.len();
        match segment {
            Segment::Many => return None,
            Segment::Literal(known) if known != here => {
                slip = Some(Slip { wrong: (at, end), right: known }).filter(|_| slip.is_none());
                slip.as_ref()?;
            }
            _ => {}
        }
        at = end + 1;
    }
    if given.next().is_some() {
        return None;
    }
    match verb {
        Some((known, given)) if known != given => {
            Some(Slip { wrong: (at, at + given.len()), right: known }).filter(|_| slip.is_none())
        }
        _ => slip,
    }
}
