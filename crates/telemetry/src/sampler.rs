//! Which calls are traced, decided before a span is made.

/// A head sampler, as `OTEL_TRACES_SAMPLER` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Trace ids are sampled whose lower 63 bits are below this; 2^63 is all of them.
    below: u64,
    parent_based: bool,
}

const ALL: u64 = 1 << 63;

impl Sampler {
    /// Every trace (`always_on`).
    pub const ALWAYS_ON: Self = Self { below: ALL, parent_based: false };
    /// No trace (`always_off`).
    pub const ALWAYS_OFF: Self = Self { below: 0, parent_based: false };

    /// This part of all traces (`traceidratio`), told by the trace id as other implementations do: a trace that is sampled
    /// at one ratio is sampled at every larger one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^63, which a double holds")]
    pub fn ratio(part: f64) -> Self {
        Self { below: (part.clamp(0.0, 1.0) * ALL as f64) as u64, parent_based: false }
    }

    /// What the caller has decided; this one for calls without a trace (`parentbased_*`).
    #[must_use]
    pub fn parent_based(self) -> Self {
        Self { parent_based: true, ..self }
    }

    /// Whether a call is traced. `parent` is what the caller has decided, if it traces.
    #[must_use]
    pub fn samples(&self, parent: Option<bool>, trace_id: u128) -> bool {
        match parent {
            Some(sampled) if self.parent_based => sampled,
            _ => {
                #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
                let low = trace_id as u64;
                low & (ALL - 1) < self.below
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_samples_about_that_part_and_the_same_traces_at_every_larger_ratio() {
        let mut random = fastrand::Rng::with_seed(7);
        let ids: Vec<u128> = (0..100_000).map(|_| random.u128(..)).collect();
        let sampled = |sampler: Sampler| ids.iter().filter(|id| sampler.samples(None, **id)).count();
        assert_eq!((sampled(Sampler::ALWAYS_OFF), sampled(Sampler::ALWAYS_ON)), (0, ids.len()));
        assert_eq!((sampled(Sampler::ratio(0.0)), sampled(Sampler::ratio(1.0))), (0, ids.len()));
        let percent = sampled(Sampler::ratio(0.01));
        assert!((800..1200).contains(&percent), "{percent}");
        assert!(
            ids.iter().all(|id| !Sampler::ratio(0.01).samples(None, *id) || Sampler::ratio(0.02).samples(None, *id))
        );
    }

    #[test]
    fn a_parent_decides_only_where_the_sampler_asks_it() {
        for (sampler, parent, sampled) in [
            (Sampler::ALWAYS_OFF.parent_based(), Some(true), true),
            (Sampler::ALWAYS_ON.parent_based(), Some(false), false),
            (Sampler::ALWAYS_ON.parent_based(), None, true),
            (Sampler::ALWAYS_OFF, Some(true), false),
            (Sampler::ALWAYS_ON, Some(false), true),
        ] {
            assert_eq!(sampler.samples(parent, 5), sampled, "{sampler:?} {parent:?}");
        }
    }
}
