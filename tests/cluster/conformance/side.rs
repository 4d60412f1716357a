//! One of the two servers, asked with plain HTTP.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{Certificate, Client, Method, Response};
use serde_json::Value;

/// Long enough for a machine that does much else.
const DEADLINE: Duration = Duration::from_secs(20);

/// The two servers.
pub(super) struct Both {
    pub real: Side,
    pub embedded: Side,
}

/// A server and the tokens of its users.
pub(super) struct Side {
    url: String,
    http: Client,
    tokens: BTreeMap<String, String>,
}

/// A request, ready to be sent to a server.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub method: String,
    pub path: String,
    pub content_type: String,
    pub accept: String,
    pub user: String,
    /// Names and values of other headers.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// An answer, before anything in it is masked.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub code: u16,
    pub content_type: String,
    pub warnings: Vec<String>,
    /// JSON, or the text when it is none.
    pub body: Value,
}

impl Side {
    pub(super) fn new(url: &str, ca: &str, tokens: [(String, String); 3]) -> Self {
        let certificate = Certificate::from_pem(ca.as_bytes()).expect("the authority is PEM");
        let http = Client::builder()
            .user_agent("conformance/1.0 (test)")
            .tls_certs_only([certificate])
            .no_proxy()
            .build()
            .expect("the settings are valid");
        Self { url: url.to_owned(), http, tokens: BTreeMap::from(tokens) }
    }

    /// Sends a request; the body of the answer is yet to come.
    pub(super) async fn open(&self, request: &Request) -> Response {
        self.ask(request).await.expect("the server answers")
    }

    async fn ask(&self, request: &Request) -> Result<Response, String> {
        let method = Method::from_bytes(request.method.as_bytes()).expect("it is a method");
        let mut sent = self.http.request(method, format!("{}{}", self.url, request.path));
        for (name, value) in [("content-type", &request.content_type), ("accept", &request.accept)]
        {
            if !value.is_empty() {
                sent = sent.header(name, value);
            }
        }
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        if let Some(token) = self.tokens.get(&request.user) {
            sent = sent.bearer_auth(token);
        }
        if !request.body.is_empty() {
            sent = sent.body(request.body.clone());
        }
        match tokio::time::timeout(DEADLINE, sent.send()).await {
            Ok(answer) => answer.map_err(|error| format!("(no answer: {error:?})")),
            Err(_) => Err("(no answer in time)".to_owned()),
        }
    }

    /// Sends a request and waits for the whole answer. A connection that is cut is one, too.
    pub(super) async fn send(&self, request: &Request) -> Answer {
        let response = match self.ask(request).await {
            Ok(response) => response,
            Err(why) => return Answer { body: Value::String(why), ..Answer::default() },
        };
        let header = |name: &str| -> Vec<String> {
            let values = response.headers().get_all(name).iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
        };
        let (code, warnings) = (response.status().as_u16(), header("warning"));
        let content_type = header("content-type").join(", ");
        let text = match tokio::time::timeout(DEADLINE, response.text()).await {
            Ok(text) => {
                text.unwrap_or_else(|error| format!("(an answer that breaks off: {error})"))
            }
            // A difference, unless both do not end.
            Err(_) => "(an answer without end)".to_owned(),
        };
        // YAML may be printed in many ways.
        let body = if content_type == "application/yaml" {
            serde_yaml::from_str(&text).ok()
        } else {
            serde_json::from_str(&text).ok()
        };
        let body = body.unwrap_or(Value::String(text));
        Answer { code, content_type, warnings, body }
    }
}

/// The lines of a watch.
pub(super) struct Lines {
    response: Response,
    buffer: Vec<u8>,
}

impl Lines {
    pub(super) fn new(response: Response) -> Self {
        Self { response, buffer: Vec::new() }
    }

    /// The next event; null at the end of the watch, or when none comes in time.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).expect("a line of a watch is JSON");
            }
            match tokio::time::timeout(DEADLINE, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.buffer.extend_from_slice(&bytes),
                _ => return Value::Null,
            }
        }
    }
}
