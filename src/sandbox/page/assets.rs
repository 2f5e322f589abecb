//! The page's own files, embedded in the binary.

use std::borrow::Cow;
use std::path::Path;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

macro_rules! embedded {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        /// Name, media type and content of every file.
        const FILES: &[(&str, &str, &str)] = &[
            $(($name, $kind, include_str!(concat!("../../../assets/page/", $name)))),+
        ];
    };
}

embedded! {
    "index.html": "text/html; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "layout.css": CSS,
    "message.css": CSS,
    "composer.css": CSS,
    "js/main.js": JAVASCRIPT,
    "js/connection.js": JAVASCRIPT,
    "js/state.js": JAVASCRIPT,
    "js/dom.js": JAVASCRIPT,
    "js/time.js": JAVASCRIPT,
    "js/markdown.js": JAVASCRIPT,
    "js/sidebar.js": JAVASCRIPT,
    "js/jump.js": JAVASCRIPT,
    "js/list.js": JAVASCRIPT,
    "js/message.js": JAVASCRIPT,
    "js/picture.js": JAVASCRIPT,
    "js/embed.js": JAVASCRIPT,
    "js/components.js": JAVASCRIPT,
    "js/menu.js": JAVASCRIPT,
    "js/reactions.js": JAVASCRIPT,
    "js/modal.js": JAVASCRIPT,
    "js/composer.js": JAVASCRIPT,
    "js/command-line.js": JAVASCRIPT,
    "js/commands.js": JAVASCRIPT,
    "js/suggestions.js": JAVASCRIPT,
}

/// Returns a file's media type and content: from `folder` where it has the file, else the embedded one. Only the names
/// above exist, so no path leads out of the folder.
pub(super) fn read(folder: Option<&Path>, name: &str) -> Option<(&'static str, Cow<'static, str>)> {
    let (name, kind, embedded) = FILES.iter().find(|(known, ..)| *known == name)?;
    let edited = folder.and_then(|folder| std::fs::read_to_string(folder.join(name)).ok());
    Some((kind, edited.map_or(Cow::Borrowed(*embedded), Cow::Owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_file_refers_to_is_embedded() {
        for (name, _, content) in FILES {
            let imports = content
                .split("from './")
                .skip(1)
                .filter_map(|rest| rest.split('\'').next());
            let imports = imports.map(|file| format!("js/{file}"));
            let links = ["href=\"/", "src=\"/", "src: '/"]
                .into_iter()
                .flat_map(|mark| content.split(mark).skip(1));
            let links = links
                .filter_map(|rest| rest.split(['"', '\'']).next())
                .map(str::to_owned);
            for file in imports.chain(links) {
                assert!(
                    read(None, &file).is_some(),
                    "{name} refers to {file}, which is not embedded"
                );
            }
        }
    }

    #[test]
    fn scripts_never_parse_text_as_html() {
        for (name, kind, content) in FILES {
            for unsafe_call in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(
                    *kind != JAVASCRIPT || !content.contains(unsafe_call),
                    "{name} uses {unsafe_call}"
                );
            }
        }
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let folder = std::env::temp_dir();
        assert!(read(Some(&folder), "../etc/passwd").is_none());
        assert!(read(Some(&folder), "/etc/passwd").is_none());
    }
}
