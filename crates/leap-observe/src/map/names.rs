//! Names of columns: found whatever their spelling, and made `x_…` where FOCUS has no home for them.
//!
//! ```text
//! lineItem/NormalizationFactor → x_lineItem_NormalizationFactor
//! tags/A.b                     → x_tags_A_b
//! ```

/// The `x_…` name of a raw column: letters, digits and `_`; a name that starts with `x_` keeps it. Names of leap's own
/// columns are not taken.
pub fn extra(name: &str) -> String {
    let name = name.trim();
    let bare = name.strip_prefix("x_").or_else(|| name.strip_prefix("X_")).unwrap_or(name);
    let mut out = String::from("x_");
    if bare.to_ascii_lowercase().starts_with("leap") {
        out.push_str("Delivered_");
    }
    let mut gap = false;
    for letter in bare.chars() {
        if letter.is_alphanumeric() || letter == '_' {
            if gap && !out.ends_with('_') {
                out.push('_');
            }
            gap = false;
            out.push(letter);
        } else {
            gap = true;
        }
    }
    if out == "x_" {
        out.push_str("Unnamed");
    }
    out
}

/// Finds columns by a canonical spelling and remembers which have found a home.
pub(crate) struct Finder<'a> {
    names: &'a [String],
    canonical: Vec<String>,
    home: Vec<bool>,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(names: &'a [String], canonical: impl Fn(&str) -> String) -> Finder<'a> {
        Finder { names, canonical: names.iter().map(|name| canonical(name)).collect(), home: vec![false; names.len()] }
    }

    /// The first column of that canonical name, which also stays an extra column.
    pub(crate) fn peek(&self, name: &str) -> Option<usize> {
        self.canonical.iter().position(|have| have == name)
    }

    /// The first column of that canonical name, which has a home now.
    pub(crate) fn take(&mut self, name: &str) -> Option<usize> {
        let place = self.peek(name)?;
        self.home[place] = true;
        Some(place)
    }

    /// The first of several names.
    pub(crate) fn take_any(&mut self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.take(name))
    }

    pub(crate) fn mark(&mut self, place: usize) {
        self.home[place] = true;
    }

    /// The columns without a home: raw place, and their `x_…` names, each only once.
    pub(crate) fn rest(&self, taken: &[&str]) -> Vec<(usize, String)> {
        let mut used: hashbrown::HashSet<String> = taken.iter().map(|name| name.to_lowercase()).collect();
        let mut out = Vec::new();
        for (place, name) in self.names.iter().enumerate().filter(|(place, _)| !self.home[*place]) {
            let base = extra(name);
            let mut unique = base.clone();
            let mut count = 1;
            while !used.insert(unique.to_lowercase()) {
                count += 1;
                unique = format!("{base}_{count}");
            }
            out.push((place, unique));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_safe_and_unique() {
        for (name, expected) in [
            ("Id", "x_Id"),
            ("x_Discounts", "x_Discounts"),
            ("lineItem/NormalizationFactor", "x_lineItem_NormalizationFactor"),
            ("tags/DevRel\\hol-4.release", "x_tags_DevRel_hol_4_release"),
            ("x_LeapPart", "x_Delivered_LeapPart"),
            ("Größe (MB)", "x_Größe_MB"),
            ("", "x_Unnamed"),
        ] {
            assert_eq!(extra(name), expected);
        }
        let names = ["a b".to_owned(), "a/b".to_owned(), "A_B".to_owned(), "c".to_owned()];
        let mut finder = Finder::new(&names, str::to_lowercase);
        assert_eq!(finder.take("c"), Some(3));
        assert_eq!(
            finder.rest(&[]).into_iter().map(|(_, name)| name).collect::<Vec<_>>(),
            ["x_a_b", "x_a_b_2", "x_A_B_3"]
        );
    }
}
