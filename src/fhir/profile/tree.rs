//! The differential of a StructureDefinition as a tree: one node per element or slice, in the order of the definition.

use serde_json::Value;

/// An element of a profile, or a slice of one.
pub(super) struct Node<'a> {
    /// As in the path: `participant`, `value[x]`.
    pub name: &'a str,
    pub slice: Option<&'a str>,
    pub children: Vec<Node<'a>>,
    /// The ElementDefinition; `None` where only something below is constrained.
    definition: Option<&'a Value>,
}

/// Reads `differential.element`; elements are placed by their ids (`CareTeam.category:fastKontakt`).
pub(super) fn read(structure: &Value) -> Node<'_> {
    let mut root = Node::new("", None);
    let elements = structure
        .pointer("/differential/element")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for element in elements {
        let Some(id) = element.get("id").and_then(Value::as_str) else {
            continue;
        };
        let mut node = &mut root;
        for step in id.split('.').skip(1) {
            let (name, slice) = match step.split_once(':') {
                Some((name, slice)) => (name, Some(slice)),
                None => (step, None),
            };
            node = node.child(name, slice);
        }
        node.definition = Some(element);
    }
    root
}

impl<'a> Node<'a> {
    fn new(name: &'a str, slice: Option<&'a str>) -> Node<'a> {
        Node {
            name,
            slice,
            children: Vec::new(),
            definition: None,
        }
    }

    /// The child of that name and slice, made when it is not there yet.
    fn child(&mut self, name: &'a str, slice: Option<&'a str>) -> &mut Node<'a> {
        let known = self
            .children
            .iter()
            .position(|child| child.name == name && child.slice == slice);
        let at = known.unwrap_or(self.children.len());
        if known.is_none() {
            self.children.push(Node::new(name, slice));
        }
        &mut self.children[at]
    }

    /// The slices of a child.
    pub fn slices(&self, name: &str) -> impl Iterator<Item = &Node<'a>> {
        self.children
            .iter()
            .filter(move |child| child.name == name && child.slice.is_some())
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.definition?.get(name)
    }

    pub fn min(&self) -> usize {
        let min = self.get("min").and_then(Value::as_u64);
        min.and_then(|min| usize::try_from(min).ok()).unwrap_or_default()
    }

    /// `None` where nothing is said, or `*`.
    pub fn max(&self) -> Option<usize> {
        self.get("max")?.as_str()?.parse().ok()
    }

    /// The value of `fixed[x]`.
    pub fn fixed(&self) -> Option<&'a Value> {
        self.starting_with("fixed")
    }

    /// The value of `pattern[x]`.
    pub fn pattern(&self) -> Option<&'a Value> {
        self.starting_with("pattern")
    }

    fn starting_with(&self, stem: &str) -> Option<&'a Value> {
        let members = self.definition?.as_object()?;
        let found = members.iter().find(|(name, _)| name.starts_with(stem));
        found.map(|(_, value)| value)
    }

    /// The value set of a required binding.
    pub fn required_binding(&self) -> Option<&'a str> {
        let binding = self.get("binding")?;
        let is_required = binding.get("strength").and_then(Value::as_str) == Some("required");
        binding.get("valueSet").filter(|_| is_required)?.as_str()
    }

    fn each_type(&self) -> impl Iterator<Item = &'a Value> {
        self.get("type").and_then(Value::as_array).into_iter().flatten()
    }

    /// The codes of the types allowed; none is any.
    pub fn types(&self) -> impl Iterator<Item = &'a str> {
        self.each_type().filter_map(|type_| type_.get("code")?.as_str())
    }

    /// The profiles that a value follows.
    pub fn profiles(&self) -> impl Iterator<Item = &'a str> {
        canonicals(self.each_type(), "profile")
    }

    /// What a reference may point at; none is anything.
    pub fn targets(&self) -> impl Iterator<Item = &'a str> {
        canonicals(self.each_type(), "targetProfile")
    }

    /// The paths by which items are told to belong to a slice.
    pub fn discriminators(&self) -> impl Iterator<Item = &'a str> {
        let all = self.get("slicing").and_then(|slicing| slicing.get("discriminator"));
        all.and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|discriminator| discriminator.get("path")?.as_str())
    }

    /// Whether items outside all slices are forbidden.
    pub fn is_closed(&self) -> bool {
        let rules = self.get("slicing").and_then(|slicing| slicing.get("rules"));
        rules.and_then(Value::as_str) == Some("closed")
    }
}

fn canonicals<'a>(types: impl Iterator<Item = &'a Value>, name: &'static str) -> impl Iterator<Item = &'a str> {
    types
        .filter_map(move |type_| type_.get(name)?.as_array())
        .flatten()
        .filter_map(Value::as_str)
}
