//! Where the walk is, in both versions, and the notes it takes on the way: what becomes the [`PathMap`]. The engine
//! enters and leaves elements here; the rules note what they move.

use super::paths::PathMap;
use super::plan::Direction;

/// One step of the way from the resource to the element at hand, in both versions.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub source: &'static str,
    pub target: &'static str,
    pub source_index: Option<usize>,
    pub target_index: Option<usize>,
}

/// The way from the outermost resource to the element at hand.
pub(super) struct Trail {
    places: Vec<Place>,
    /// Where the trail begins, target and source, for a contained resource made from something else.
    base: Option<(String, String)>,
    /// Whether paths are wanted at all.
    told: bool,
    /// How many carriers are around the element at hand: inside a carrier nothing has a path of its own.
    silent: usize,
    paths: PathMap,
}

impl Trail {
    pub(super) fn new(direction: Direction, told: bool) -> Trail {
        Trail {
            places: Vec::new(),
            base: None,
            told,
            silent: 0,
            paths: PathMap::of(direction),
        }
    }

    pub(super) fn into_paths(self) -> PathMap {
        self.paths
    }

    /// Whether nothing has been entered yet.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.base.is_none()
    }

    pub(super) fn enter(&mut self, place: Place) {
        self.places.push(place);
    }

    pub(super) fn leave(&mut self) {
        self.places.pop();
    }

    /// Begins anew at `base`; [`Trail::resume`] takes what this gives.
    pub(super) fn begin_at(&mut self, base: (String, String)) -> Left {
        Left {
            places: std::mem::take(&mut self.places),
            base: self.base.replace(base),
        }
    }

    /// Goes on where [`Trail::begin_at`] left.
    pub(super) fn resume(&mut self, left: Left) {
        self.places = left.places;
        self.base = left.base;
    }

    pub(super) fn hush(&mut self) {
        self.silent += 1;
    }

    pub(super) fn speak(&mut self) {
        self.silent -= 1;
    }

    /// Inside a carrier.
    pub(super) fn is_silent(&self) -> bool {
        self.silent > 0
    }

    /// The position of the element at hand in its list, in the source.
    pub(super) fn position(&self) -> Option<usize> {
        self.places.last().and_then(|place| place.source_index)
    }

    /// Notes that `target`, below the element at hand, stood at `source`.
    pub(super) fn note(&mut self, target: &str, source: &str) {
        if self.is_told() && !self.is_empty() {
            let (to, from) = (self.here_in_target(), self.here_in_source());
            self.paths.add(format!("{to}.{target}"), format!("{from}.{source}"));
        }
    }

    /// Notes that the `member` of what is made stands for the element at hand itself.
    pub(super) fn note_wrapped(&mut self, member: &str) {
        if self.is_told() {
            self.paths
                .add(format!("{}.{member}", self.here_in_target()), self.here_in_source());
        }
    }

    /// The other way round: what is made stands for the `member` of the element at hand.
    pub(super) fn note_unwrapped(&mut self, member: &str) {
        if self.is_told() {
            self.paths
                .add(self.here_in_target(), format!("{}.{member}", self.here_in_source()));
        }
    }

    /// Notes two whole paths.
    pub(super) fn note_whole(&mut self, target: String, source: String) {
        if self.is_told() {
            self.paths.add(target, source);
        }
    }

    fn is_told(&self) -> bool {
        self.told && !self.is_silent()
    }

    /// The way to the element at hand, in the source.
    pub(super) fn here_in_source(&self) -> String {
        let base = self.base.as_ref().map(|(_, source)| source);
        path(base, self.places.iter().map(|place| (place.source, place.source_index)))
    }

    fn here_in_target(&self) -> String {
        let base = self.base.as_ref().map(|(target, _)| target);
        path(base, self.places.iter().map(|place| (place.target, place.target_index)))
    }
}

/// What [`Trail::begin_at`] left behind.
pub(super) struct Left {
    places: Vec<Place>,
    base: Option<(String, String)>,
}

fn path(base: Option<&String>, places: impl Iterator<Item = (&'static str, Option<usize>)>) -> String {
    let mut path = String::with_capacity(64);
    path.extend(base.map(String::as_str));
    for (name, index) in places {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        if let Some(index) = index {
            path.push_str(&format!("[{index}]"));
        }
    }
    path
}
