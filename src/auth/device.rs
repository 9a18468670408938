//! What kind of device a user agent names, in the few words by which people recognise their own.

/// A browser on a system, as the list of sessions shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// The browser, empty when it is none that we know.
    pub browser: &'static str,
    /// The system, empty when it is none that we know.
    pub system: &'static str,
    /// The icon that stands for it.
    pub icon: &'static str,
}

/// Looked for in this order: each browser also names those it descends from.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

const SYSTEMS: [(&str, &str, &str); 7] = [
    ("iPhone", "iPhone", "smartphone"),
    ("iPad", "iPad", "smartphone"),
    ("Android", "Android", "smartphone"),
    ("Windows", "Windows", "monitor"),
    ("CrOS", "ChromeOS", "laptop"),
    ("Mac OS X", "macOS", "laptop"),
    ("Linux", "Linux", "monitor"),
];

impl Device {
    /// Reads a user agent.
    pub fn of(agent: &str) -> Self {
        let browser = BROWSERS
            .iter()
            .find(|(sign, _)| agent.contains(sign))
            .map_or("", |(_, name)| name);
        let (system, icon) = SYSTEMS
            .iter()
            .find(|(sign, ..)| agent.contains(sign))
            .map_or(("", "terminal"), |(_, name, icon)| (name, icon));
        Self { browser, system, icon }
    }

    /// "Firefox on Linux", or what of it is known.
    pub fn words(self) -> String {
        match (self.browser, self.system) {
            ("", "") => "Another program".to_owned(),
            (one, "") | ("", one) => one.to_owned(),
            (browser, system) => format!("{browser} on {system}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_recognise_their_devices() {
        for (agent, words) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0 Safari/537.36 Edg/143.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/143.0 Mobile Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("curl/8.5.0", "curl"),
            ("", "Another program"),
        ] {
            assert_eq!(Device::of(agent).words(), words);
        }
    }
}
