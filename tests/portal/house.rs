//! The house rules that a test can read.

use std::{fs, path::Path};

fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push((path.display().to_string(), fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(folder), ending, &mut found);
    found.sort();
    found
}

#[test]
fn the_architecture_page_names_every_room() {
    let page = fs::read_to_string("ARCHITECTURE.md").expect("the page");
    let mut missing = Vec::new();
    for entry in fs::read_dir("src").expect("src") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !matches!(name.as_str(), "lib.rs" | "main.rs") && !page.contains(&format!("`src/{name}`")) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {missing:?}");
    let named = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `src/"))
        .filter_map(|line| line.split('`').next());
    for room in named {
        assert!(
            Path::new("src").join(room).exists(),
            "ARCHITECTURE.md names src/{room}, which is not there"
        );
    }
}

#[test]
fn sql_stays_in_stores() {
    let allowed = ["src/db/", "store", "src/members/list", "src/cli/check.rs"];
    for (path, text) in files("src", "rs") {
        if !allowed.iter().any(|part| path.contains(part)) {
            assert!(
                !text.contains("sqlx::query") && !text.contains("sql! {"),
                "{path} talks to the database by itself"
            );
        }
    }
}

#[test]
fn templates_hold_no_inline_style_or_script_and_escape_everything() {
    for (path, text) in files("templates", "html") {
        if path.contains("templates/mail/") {
            continue; // mail readers know no stylesheets
        }
        for bad in [
            " style=\"",
            "<script>",
            " onclick=",
            " onchange=",
            " onsubmit=",
            "hx-on",
            "|safe",
            "| safe",
            "js:",
        ] {
            assert!(!text.contains(bad), "{path} holds {bad:?}");
        }
    }
}
