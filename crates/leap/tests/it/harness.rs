//! A home in a temporary folder, and the binary `leap`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A home, removed at the end of the test.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a command printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// With an org and rules applied.
    #[track_caller]
    pub(crate) fn with(org: &str, rules: &str) -> Home {
        let home = Home::new();
        home.write("org.yaml", org);
        home.write("rules.yaml", rules);
        home.ok(&["org", "apply", "org.yaml"]);
        home.ok(&["rules", "apply", "rules.yaml"]);
        home
    }

    /// A copy of everything, under another root.
    pub(crate) fn copy(&self) -> Home {
        let copy = Home::new();
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }

    /// Folder for the test's own files, beside the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the test.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("make the folder");
        std::fs::write(&path, text).expect("write the file");
        path
    }

    /// `leap --home … ARGS`, ready to run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leap"));
        command.arg("--home").arg(self.path("home")).args(args).current_dir(self.folder.path()).env_remove("LEAP_HOME");
        command
    }

    /// Runs `leap` and returns what it said.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().expect("leap starts"))
    }

    /// With text on standard input.
    #[track_caller]
    pub(crate) fn told(&self, args: &[&str], input: &str) -> Ran {
        use std::io::Write;
        let mut command = self.command(args);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().expect("leap starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("leap reads");
        ran(child.wait_with_output().expect("leap ends"))
    }

    /// Runs `leap`, which must succeed, and returns its standard output.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "leap {args:?} failed:\n{}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs `leap … --format json`, which must succeed.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.extend(["--format", "json"]);
        serde_json::from_str(&self.ok(&args)).expect("the answer is JSON")
    }

    /// Runs `leap … --format json` whatever its exit code.
    #[track_caller]
    pub(crate) fn json_any(&self, args: &[&str]) -> (i32, Value) {
        let mut args = args.to_vec();
        args.extend(["--format", "json"]);
        let ran = self.run(&args);
        let value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no JSON from {args:?}:\n{}{}", ran.out, ran.err));
        (ran.code, value)
    }

    /// Takes in one path; it must be accepted or unchanged. Returns the deliveries.
    #[track_caller]
    pub(crate) fn ingest(&self, path: &Path) -> Vec<Value> {
        let answer = self.json(&["ingest", path.to_str().expect("a UTF-8 path")]);
        let deliveries = answer["deliveries"].as_array().expect("deliveries").clone();
        for delivery in &deliveries {
            assert_ne!(delivery["status"], "refused", "{delivery:#}");
        }
        deliveries
    }

    /// Amounts by the first dimension: `spend --by DIMENSION …`.
    #[track_caller]
    pub(crate) fn spend(&self, by: &str, more: &[&str]) -> Vec<(String, String)> {
        let mut args = vec!["spend", "--by", by];
        args.extend(more);
        let answer = self.json(&args);
        let mut rows: Vec<_> =
            answer["rows"].as_array().expect("rows").iter().map(|row| (text(&row[by]), text(&row["amount"]))).collect();
        rows.sort();
        rows
    }

    /// `verify` must find nothing, and must have looked at something.
    #[track_caller]
    pub(crate) fn verified(&self) {
        let answer = self.json(&["verify", "--raw"]);
        assert_eq!(answer["ok"], true, "{answer:#}");
        let proofs = answer["proofs"].as_array().expect("proofs");
        assert!(!proofs.is_empty(), "verify looked at nothing");
        for proof in proofs {
            assert_eq!(proof["difference"], "0", "{proof:#}");
            assert_eq!(proof["file"], proof["accepted"], "{proof:#}");
            assert_eq!(proof["accepted"], proof["attributed"], "{proof:#}");
        }
    }

    /// The digest of the last snapshot.
    #[track_caller]
    pub(crate) fn digest(&self) -> String {
        text(&self.json(&["snapshots"])["rows"][0]["digest"])
    }
}

/// A JSON string as it is, null as the empty text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a finished process said.
pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("make the folder");
    for entry in std::fs::read_dir(from).expect("read the folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copy the file");
        }
    }
}

/// The shared sample data, where it is there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        Some(path.canonicalize().expect("the path exists"))
    } else {
        println!("skipped: ../shared/data/{name} is absent");
        None
    }
}

/// Pairs of texts, as rows of an answer are compared with.
pub(crate) fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}
