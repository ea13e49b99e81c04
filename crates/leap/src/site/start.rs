//! First steps: for somebody new to a team, and for who connects the first bill.

use leap_web::site::model::{Block, Page};

use super::ground::Ground;

pub(super) fn page(ground: &Ground) -> Page {
    let empty = ground.view().head().scopes.is_empty();
    let step = |title: &str, code: &str, say: &str| (title.to_owned(), code.to_owned(), say.to_owned());
    let connect = vec![
        step(
            "Take in a bill",
            "leap ingest PATH",
            "A file or a folder: FOCUS 1.0 to 1.4, AWS CUR, Azure, GCP, OCI. --dry-run looks first and takes nothing in.",
        ),
        step(
            "Say who is who",
            "leap org apply org.yaml",
            "Or a CSV of your HR system, a Backstage catalog, sigs.yaml.",
        ),
        step("Find rules by money", "leap rules suggest", "Then leap rules check and leap rules apply."),
        step("Share platforms", "leap pool apply pools.yaml", "Who pays for what many use."),
        step("Prove it", "leap verify", "Reads the files again with other code and compares every total."),
    ];
    let learn = vec![
        step("Find your team", "Ctrl K", "Its page shows what it costs and why that changed."),
        step("Ask why one thing is yours", "Why?", "Each resource has a trail: claim, rule, evidence, org."),
        step("See what is shared", "Pools", "Your part of what many use, and what nobody used."),
        step("Say what is wrong", "leap dispute", "The other team is asked; nothing changes before it accepts."),
    ];
    let section = |title: &str, say: &str, steps| Block::Section {
        title: title.to_owned(),
        say: say.to_owned(),
        blocks: vec![Block::Trail(steps)],
    };
    let mut blocks = vec![
        section("New to a team", "What is this to me?", learn),
        section("Connecting the first bill", "From a bill to owners.", connect),
    ];
    if empty {
        blocks.reverse();
    }
    Page {
        title: "First steps".to_owned(),
        sub: if empty { "No bill has been taken in yet".to_owned() } else { "Where to begin".to_owned() },
        blocks,
        ..Page::default()
    }
}
