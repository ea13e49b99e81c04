//! What pages are drawn with: our own files and, where `cargo xtask assets` fetched them, htmx and ECharts; all of them in
//! the program.
//!
//! They are served below `/assets/DIGEST/`, where DIGEST is one hash over all of them: an address never changes its bytes.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

#[derive(rust_embed::RustEmbed)]
#[folder = "assets/"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[include = "vendor/*"]
#[exclude = "*.json"]
struct Files;

/// One file, as it is and as gzip.
pub struct Asset {
    /// As it is.
    pub plain: Bytes,
    /// As gzip.
    pub gzip: Bytes,
    /// Its media type.
    pub media: &'static str,
}

struct All {
    base: String,
    charts: bool,
    files: BTreeMap<String, OnceLock<Asset>>,
}

fn all() -> &'static All {
    static ALL: OnceLock<All> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut names: Vec<String> = Files::iter().map(|name| name.to_string()).collect();
        names.sort();
        let mut bytes = Vec::new();
        for name in &names {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend(Files::get(name).map(|file| file.metadata.sha256_hash()).unwrap_or_default());
        }
        let digest = xxhash_rust::xxh3::xxh3_128(&bytes);
        let charts = ["vendor/htmx.min.js", "vendor/echarts.esm.min.mjs"]
            .iter()
            .all(|needed| names.iter().any(|name| name == needed));
        All {
            base: format!("/assets/{digest:032x}/"),
            charts,
            files: names.into_iter().map(|name| (name, OnceLock::new())).collect(),
        }
    })
}

/// Where the files lie: `/assets/DIGEST/`.
pub fn base() -> String {
    all().base.clone()
}

/// True where htmx and ECharts are in the program.
pub fn has_charts() -> bool {
    all().charts
}

/// A file by its path; `None` for an unknown digest or name.
pub fn get(path: &str) -> Option<&'static Asset> {
    let name = path.strip_prefix(all().base.as_str())?;
    let (name, slot) = all().files.get_key_value(name)?;
    Some(slot.get_or_init(|| {
        let plain = Files::get(name).map_or_else(Bytes::new, |file| Bytes::from(file.data.into_owned()));
        Asset { gzip: gzip(&plain), plain, media: media(name) }
    }))
}

/// The licences of what others made: name and text.
pub fn licences() -> Vec<(String, String)> {
    let texts = all().files.keys().filter_map(|name| {
        let short = name.strip_prefix("vendor/licences/")?;
        Some((short.to_owned(), String::from_utf8_lossy(&Files::get(name)?.data).into_owned()))
    });
    texts.collect()
}

/// Bytes as gzip.
pub fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::default());
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    Bytes::from(written.expect("a vector takes all that is written to it"))
}

fn media(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_below_the_digest_only() {
        let css = get(&format!("{}leap.css", base())).expect("the style sheet is in every build");
        assert_eq!(css.media, "text/css; charset=utf-8");
        assert!(css.gzip.len() < css.plain.len());
        assert!(get("/assets/0/leap.css").is_none());
        assert!(get(&format!("{}../Cargo.toml", base())).is_none());
        assert!(get(&format!("{}package.json", base())).is_none(), "only what pages need is in the program");
    }
}
