//! Reads label selectors by the grammar of the real server, with its words for what is wrong.

use super::{LabelTerm, TERMS_MAX, Test};

/// What the text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    End,
    Word(&'a str),
    Symbol(&'static str),
    /// Symbols that mean nothing together.
    Odd,
}

/// In the order in which the longest one is found.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

struct Parser<'a> {
    rest: &'a str,
}

/// The terms of a selector.
pub(super) fn parse(text: &str) -> Result<Vec<LabelTerm>, String> {
    let mut parser = Parser { rest: text };
    let mut terms = Vec::new();
    loop {
        match parser.peek() {
            Token::End => return Ok(terms),
            Token::Word(_) | Token::Symbol("!") => {}
            other => {
                let other = said(other);
                return Err(format!(
                    "found '{other}', expected: !, identifier, or 'end of string'"
                ));
            }
        }
        let term = parser.term().map_err(|why| format!("unable to parse requirement: {why}"))?;
        terms.push(term);
        if terms.len() > TERMS_MAX {
            return Err(format!("more than {TERMS_MAX} terms"));
        }
        match parser.next() {
            Token::End => return Ok(terms),
            Token::Symbol(",") => {}
            other => {
                let other = said(other);
                return Err(format!("found '{other}', expected: ',' or 'end of string'"));
            }
        }
        if !matches!(parser.peek(), Token::Word(_) | Token::Symbol("!")) {
            let other = said(parser.peek());
            return Err(format!("found '{other}', expected: identifier after ','"));
        }
    }
}

fn said(token: Token<'_>) -> &str {
    match token {
        Token::End | Token::Odd => "",
        Token::Word(word) => word,
        Token::Symbol(symbol) => symbol,
    }
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        Self { rest: self.rest }.next()
    }

    fn next(&mut self) -> Token<'a> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if self.rest.is_empty() {
            return Token::End;
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| self.rest.starts_with(symbol)) {
            self.rest = &self.rest[symbol.len()..];
            return Token::Symbol(symbol);
        }
        let special = |c: char| " \t\r\n=!(),><".contains(c);
        let end = self.rest.find(special).unwrap_or(self.rest.len());
        if end == 0 {
            self.rest = "";
            return Token::Odd;
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Token::Word(word)
    }

    fn term(&mut self) -> Result<LabelTerm, String> {
        let mut token = self.next();
        let absent = token == Token::Symbol("!");
        if absent {
            token = self.next();
        }
        let Token::Word(key) = token else {
            return Err(format!("found '{}', expected: identifier", said(token)));
        };
        super::check_key(key)?;
        let build = |test| Ok(LabelTerm { key: key.to_owned(), test });
        if absent {
            return build(Test::Absent);
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return build(Test::Exists);
        }
        let test = match self.next() {
            Token::Word("in") => Test::In(self.values()?),
            Token::Word("notin") => Test::NotIn(self.values()?),
            Token::Symbol("=" | "==") => Test::In(vec![self.value()?]),
            Token::Symbol("!=") => Test::NotIn(vec![self.value()?]),
            Token::Symbol(">") => Test::Above(whole(&self.value()?)?),
            Token::Symbol("<") => Test::Below(whole(&self.value()?)?),
            other => {
                let other = said(other);
                return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt"));
            }
        };
        if let Test::In(values) | Test::NotIn(values) = &test {
            for (index, value) in values.iter().enumerate() {
                super::check_value(value, index, key)?;
            }
        }
        build(test)
    }

    fn value(&mut self) -> Result<String, String> {
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Ok(String::new());
        }
        match self.next() {
            Token::Word(word) => Ok(word.to_owned()),
            other => Err(format!("found '{}', expected: identifier", said(other))),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let open = self.next();
        if open != Token::Symbol("(") {
            return Err(format!("found '{}' expected: '('", said(open)));
        }
        let first = self.peek();
        if !matches!(first, Token::Word(_) | Token::Symbol("," | ")")) {
            return Err(format!("found '{}', expected: ',', ')' or identifier", said(first)));
        }
        let mut values = Vec::new();
        loop {
            let value = match self.peek() {
                Token::Word(word) => {
                    self.next();
                    word
                }
                _ => "",
            };
            values.push(value.to_owned());
            match self.next() {
                Token::Symbol(",") => {}
                Token::Symbol(")") => break,
                other => return Err(format!("found '{}', expected: ',' or ')'", said(other))),
            }
        }
        values.sort();
        values.dedup();
        Ok(values)
    }
}

fn whole(value: &str) -> Result<i64, String> {
    value.parse().map_err(|_| {
        format!(
            "values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an \
             integer"
        )
    })
}
