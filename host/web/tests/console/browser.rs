//! A browser without JavaScript: it keeps cookies, follows redirects, reads links and forms, and presses buttons.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use heptad_web::testing::{Answer, TestHost};

/// A form of a page as it would be sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    /// Where it goes.
    pub(crate) action: String,
    /// The values of its fields.
    pub(crate) fields: Vec<(String, String)>,
    /// Its buttons: name, value, text.
    pub(crate) buttons: Vec<(String, String, String)>,
}

impl Form {
    /// With another value of a field.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a field: an unchecked box.
    pub(crate) fn without(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, held)| (known.as_str(), held.as_str()) != (name, value));
        self
    }

    /// The value of a field; empty when absent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// By the button with this text.
    pub(crate) fn by(mut self, text: &str) -> Self {
        let button = self.buttons.iter().find(|(_, _, label)| label.contains(text));
        let (name, value, _) = button.unwrap_or_else(|| panic!("no button `{text}` in {:?}", self.buttons)).clone();
        if !name.is_empty() {
            self.fields.push((name, value));
        }
        self
    }
}

/// A page that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Where the browser is after all redirects.
    pub(crate) path: String,
    /// The answer.
    pub(crate) answer: Answer,
    /// The page.
    pub(crate) html: String,
}

impl Page {
    /// The page, which must have come with this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.answer.status.as_u16(), status, "{}\n{}", self.path, self.html);
        self
    }

    /// Asserts that a text stands in the page as people read it.
    pub(crate) fn shows(&self, text: &str) -> &Self {
        assert!(self.text().contains(text), "`{text}` is not in {}\n{}", self.path, self.text());
        self
    }

    /// Asserts that a text does not stand in the page.
    pub(crate) fn lacks(&self, text: &str) -> &Self {
        assert!(!self.text().contains(text), "`{text}` is in {}\n{}", self.path, self.text());
        self
    }

    /// The page's words: tags left out, white space as one blank, entities read.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for piece in tokens(&self.html) {
            if !piece.starts_with('<') {
                text.push_str(&unescape(piece));
            }
            text.push(' ');
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The address of the link with this text.
    pub(crate) fn link(&self, text: &str) -> String {
        let mut within: Option<(String, String)> = None;
        for piece in tokens(&self.html) {
            match (&mut within, tag(piece).as_deref()) {
                (_, Some("a")) => within = Some((attribute(piece, "href").unwrap_or_default(), String::new())),
                (Some((address, label)), Some("/a")) => {
                    if label.contains(text) {
                        return address.clone();
                    }
                    within = None;
                }
                (Some((_, label)), None) => label.push_str(&unescape(piece)),
                _ => {}
            }
        }
        panic!("no link `{text}` in {}\n{}", self.path, self.text())
    }

    /// All forms.
    pub(crate) fn forms(&self) -> Vec<Form> {
        let (mut forms, mut elsewhere): (Vec<Form>, Vec<String>) = (Vec::new(), Vec::new());
        let (mut open, mut select, mut area, mut button): (bool, Option<String>, Option<String>, bool) =
            (false, None, None, false);
        for piece in tokens(&self.html) {
            let value = || attribute(piece, "value").unwrap_or_default();
            let name = attribute(piece, "name");
            match (tag(piece).as_deref(), forms.last_mut()) {
                (Some("form"), _) => {
                    let action = attribute(piece, "action").unwrap_or_else(|| self.path.clone());
                    let id = attribute(piece, "id").unwrap_or_default();
                    // A button may stand elsewhere and name its form.
                    let buttons = if elsewhere.contains(&id) { vec![Default::default()] } else { Vec::new() };
                    forms.push(Form { action, buttons, ..Form::default() });
                    open = true;
                }
                (Some("/form"), _) => open = false,
                (Some("input"), Some(form)) if open => {
                    let is_box = matches!(attribute(piece, "type").as_deref(), Some("checkbox" | "radio"));
                    if let Some(name) = name.filter(|_| !is_box || has(piece, "checked")) {
                        form.fields.push((name, value()));
                    }
                }
                (Some("select"), Some(_)) if open => select = name,
                (Some("option"), Some(form)) if open => {
                    if let Some(name) = &select {
                        let known = form.fields.iter_mut().find(|(held, _)| held == name);
                        match known {
                            None => form.fields.push((name.clone(), value())),
                            Some(field) if has(piece, "selected") => field.1 = value(),
                            Some(_) => {}
                        }
                    }
                }
                (Some("/select"), _) => select = None,
                (Some("textarea"), Some(form)) if open => {
                    area = name;
                    form.fields.extend(area.clone().map(|name| (name, String::new())));
                }
                (Some("/textarea"), _) => area = None,
                (Some("button"), Some(form)) if open => match attribute(piece, "form") {
                    Some(other) => elsewhere.push(other),
                    None => {
                        form.buttons.push((
                            name.unwrap_or_default(),
                            value(),
                            attribute(piece, "aria-label").unwrap_or_default(),
                        ));
                        button = true;
                    }
                },
                (Some("/button"), _) => button = false,
                (None, Some(form)) if open && button => {
                    if let Some((_, _, label)) = form.buttons.last_mut() {
                        label.push_str(&unescape(piece));
                    }
                }
                (None, Some(form)) if area.is_some() => {
                    if let Some((_, value)) = form.fields.last_mut() {
                        value.push_str(&unescape(piece));
                    }
                }
                _ => {}
            }
        }
        forms
    }

    /// The form whose action ends so.
    pub(crate) fn form(&self, end: &str) -> Form {
        let forms = self.forms();
        let found = forms.iter().find(|form| form.action.split('?').next().unwrap_or_default().ends_with(end));
        found.unwrap_or_else(|| panic!("no form `{end}` in {}: {forms:?}", self.path)).clone()
    }
}

/// Tags and the texts between them.
fn tokens(html: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let end = match rest.starts_with('<') {
            true => rest.find('>').map_or(rest.len(), |at| at + 1),
            false => rest.find('<').unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// A tag's name with its slash; `None` for text.
fn tag(piece: &str) -> Option<String> {
    let name = piece.strip_prefix('<')?;
    Some(name.trim_end_matches('>').split_whitespace().next().unwrap_or_default().to_lowercase())
}

fn attribute(piece: &str, name: &str) -> Option<String> {
    let from = piece.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(unescape(&piece[from..from + piece[from..].find('"')?]))
}

fn has(piece: &str, name: &str) -> bool {
    piece.trim_end_matches('>').split(' ').any(|word| word == name)
}

fn unescape(text: &str) -> String {
    text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}

/// A browser.
pub(crate) struct Browser<'a> {
    host: &'a TestHost,
    cookies: Vec<(String, String)>,
    language: String,
    /// Links followed and buttons pressed since [`Browser::rest`].
    pub(crate) clicks: u32,
}

impl<'a> Browser<'a> {
    /// A new one whose person reads this language.
    pub(crate) fn new(host: &'a TestHost, language: &str) -> Self {
        Self { host, cookies: Vec::new(), language: language.to_owned(), clicks: 0 }
    }

    /// Counts clicks from here.
    pub(crate) fn rest(&mut self) {
        self.clicks = 0;
    }

    /// Opens an address.
    pub(crate) async fn open(&mut self, path: &str) -> Page {
        self.request(Method::GET, path, "", Vec::new()).await
    }

    /// Follows the link with this text.
    pub(crate) async fn follow(&mut self, page: &Page, text: &str) -> Page {
        self.clicks += 1;
        let link = page.link(text);
        match link.starts_with('?') {
            true => self.open(&format!("{}{link}", page.path.split('?').next().unwrap_or_default())).await,
            false => self.open(&link).await,
        }
    }

    /// Sends a form.
    pub(crate) async fn send(&mut self, form: &Form) -> Page {
        self.clicks += 1;
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        self.request(Method::POST, &form.action, "application/x-www-form-urlencoded", body.into_bytes()).await
    }

    /// Sends a form with a file.
    pub(crate) async fn upload(&mut self, form: &Form, file: &[u8]) -> Page {
        let mut body = Vec::new();
        for (name, value) in form.fields.iter().filter(|(name, _)| name != "file") {
            body.extend(
                format!("--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .into_bytes(),
            );
        }
        let head = "--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.wasm\"\r\nContent-Type: application/wasm\r\n\r\n";
        body.extend(head.as_bytes());
        body.extend(file);
        body.extend(b"\r\n--b0undary--\r\n");
        self.request(Method::POST, &form.action, "multipart/form-data; boundary=b0undary", body).await
    }

    /// Signs in.
    pub(crate) async fn sign_in(&mut self, login: &str) -> Page {
        let page = self.open("/console/sign-in").await;
        let form = page.form("/sign-in").set("login", login).set("password", heptad_web::testing::PASSWORD);
        self.send(&form).await
    }

    /// A cookie's value.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    async fn request(&mut self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Page {
        let (mut method, mut path, mut body) = (method, path.to_owned(), body);
        for _ in 0..10 {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let mut request =
                Request::builder().method(method.clone()).uri(&path).header(header::COOKIE, cookies.join("; "));
            if !self.language.is_empty() {
                request = request.header(header::ACCEPT_LANGUAGE, &self.language);
            }
            if !body.is_empty() {
                request = request.header(header::CONTENT_TYPE, kind);
            }
            let answer = self.host.send(request.body(Body::from(body)).unwrap()).await;
            self.keep(&answer);
            if answer.status != StatusCode::SEE_OTHER {
                let html = answer.text();
                return Page { path, answer, html };
            }
            path = answer.header("location").to_owned();
            (method, body) = (Method::GET, Vec::new());
        }
        panic!("redirected for ever: {path}")
    }

    fn keep(&mut self, answer: &Answer) {
        for value in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = value.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !cookie.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}
