//! A real browser: Debian's Chromium without a window, driven over a pipe by the DevTools protocol.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long the browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with a profile of its own.
pub(crate) struct Chromium {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    number: u64,
    _child: Child,
    _profile: TempDir,
}

/// A tab.
#[derive(Debug, Clone)]
pub(crate) struct Tab(String);

impl Chromium {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // Chromium reads its commands from descriptor 3 and answers on 4.
        let mut command = Command::new("sh");
        command.args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null", "sh"]);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-popup-blocking", "--remote-debugging-pipe"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { input, output, number: 0, _child: child, _profile: profile }
    }

    /// Sends a command and waits for its answer; what else the browser tells meanwhile is passed over.
    async fn ask(&mut self, tab: Option<&Tab>, method: &str, params: Value) -> Result<Value, String> {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if let Some(Tab(session)) = tab {
            message["sessionId"] = session.as_str().into();
        }
        self.input.write_all(format!("{message}\0").as_bytes()).await.unwrap();
        loop {
            let mut bytes = Vec::new();
            let read = tokio::time::timeout(PATIENCE, self.output.read_until(0, &mut bytes)).await;
            let read = read.unwrap_or_else(|_| panic!("chromium does not answer {method}")).unwrap();
            assert!(read > 0, "chromium ended; is it installed?");
            let told: Value = serde_json::from_slice(&bytes[..bytes.len() - 1]).unwrap();
            if told["id"] == self.number {
                return match told.get("error") {
                    Some(error) => Err(format!("{method}: {error}")),
                    None => Ok(told["result"].clone()),
                };
            }
        }
    }

    /// Opens an address in a new tab.
    pub(crate) async fn open(&mut self, address: &str) -> Tab {
        let target = self.ask(None, "Target.createTarget", json!({"url": "about:blank"})).await.unwrap();
        let tab = self.attach(&target["targetId"]).await;
        self.go(&tab, address).await;
        tab
    }

    async fn attach(&mut self, target: &Value) -> Tab {
        let attach = json!({"targetId": target, "flatten": true});
        let session = self.ask(None, "Target.attachToTarget", attach).await.unwrap();
        let tab = Tab(session["sessionId"].as_str().unwrap().to_owned());
        self.ask(Some(&tab), "Page.enable", json!({})).await.unwrap();
        tab
    }

    /// The tab that a script of this one opened.
    pub(crate) async fn opened_by(&mut self, tab: &Tab) -> Tab {
        let own = self.ask(Some(tab), "Target.getTargetInfo", json!({})).await.unwrap();
        let targets = self.ask(None, "Target.getTargets", json!({})).await.unwrap();
        let mut pages = targets["targetInfos"].as_array().unwrap().iter();
        let found = pages.find(|target| target["openerId"] == own["targetInfo"]["targetId"]);
        let found = found.unwrap_or_else(|| panic!("no tab that it opened in {targets}"))["targetId"].clone();
        self.attach(&found).await
    }

    /// Leads a tab to an address, and waits until the page is there.
    pub(crate) async fn go(&mut self, tab: &Tab, address: &str) {
        self.ask(Some(tab), "Page.navigate", json!({"url": address})).await.unwrap();
        self.until(tab, "document.readyState === 'complete' && location.href !== 'about:blank'").await;
    }

    /// What a script in the page comes to; it may be a promise.
    pub(crate) async fn run(&mut self, tab: &Tab, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let answer = self.ask(Some(tab), "Runtime.evaluate", params).await.unwrap();
        assert!(answer.get("exceptionDetails").is_none(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until a condition holds in the page.
    pub(crate) async fn until(&mut self, tab: &Tab, condition: &str) {
        let waiting = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            loop {
                ticks.tick().await;
                // While a page is left there is nothing to ask.
                let params = json!({"expression": condition, "returnByValue": true});
                let answer = self.ask(Some(tab), "Runtime.evaluate", params).await;
                if answer.is_ok_and(|answer| answer["result"]["value"] == true) {
                    return;
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(done.is_ok(), "`{condition}` did not come true");
    }

    /// Every cookie that the browser holds, as `domain path name`.
    pub(crate) async fn cookies(&mut self) -> Vec<String> {
        let answer = self.ask(None, "Storage.getCookies", json!({})).await.unwrap();
        let text = |cookie: &Value, name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
        let cookies = answer["cookies"].as_array().unwrap().iter();
        cookies.map(|cookie| ["domain", "path", "name"].map(|name| text(cookie, name)).join(" ")).collect()
    }
}
