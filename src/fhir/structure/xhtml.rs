//! Narrative.div: an XHTML fragment with formatting only (narrative.html; txt-1, txt-2). A small XML reader of our own:
//! what it must know is little, and nothing that browsers would run may pass.

/// What a narrative is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Xhtml {
    Good,
    /// Not a well-formed `<div xmlns="http://www.w3.org/1999/xhtml">`.
    Malformed,
    /// txt-1: an element or attribute that is not formatting, or a link that runs code.
    Forbidden,
    /// txt-2: no text and no picture.
    Empty,
}

const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";

/// HTML 4.0 chapters 7–11 (without 9.4) and 15, links and images.
const ELEMENTS: &str = " a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd del dfn div dl \
     dt em font h1 h2 h3 h4 h5 h6 hr i img ins kbd li map ol p pre q s samp small span strike strong sub sup table tbody td \
     tfoot th thead tr tt u ul var ";

/// The attributes of those chapters; whatever is missing here (all `on…`, above all) is forbidden.
const ATTRIBUTES: &str = " abbr align alt axis bgcolor border cellpadding cellspacing char charoff charset cite class clear \
     color colspan compact coords datetime dir face frame headers height href hreflang hspace id ismap lang longdesc name \
     nohref noshade nowrap rel rev rowspan rules scope shape size span src start style summary tabindex title type usemap \
     valign value vspace width xml:lang xml:space xmlns accesskey target ";

/// The named entities of HTML 4.0, chapter 24.
const ENTITIES: &str = " \
     AElig Aacute Acirc Agrave Alpha Aring Atilde Auml Beta Ccedil Chi Dagger Delta ETH Eacute Ecirc Egrave Epsilon \
     Eta Euml Gamma Iacute Icirc Igrave Iota Iuml Kappa Lambda Mu Ntilde Nu OElig Oacute Ocirc Ograve Omega Omicron \
     Oslash Otilde Ouml Phi Pi Prime Psi Rho Scaron Sigma THORN Tau Theta Uacute Ucirc Ugrave Upsilon Uuml Xi \
     Yacute Yuml Zeta aacute acirc acute aelig agrave alefsym alpha amp and ang aring asymp atilde auml bdquo beta \
     brvbar bull cap ccedil cedil cent chi circ clubs cong copy crarr cup curren dArr dagger darr deg delta diams \
     divide eacute ecirc egrave empty emsp ensp epsilon equiv eta eth euml euro exist fnof forall frac12 frac14 \
     frac34 frasl gamma ge gt hArr harr hearts hellip iacute icirc iexcl igrave image infin int iota iquest isin \
     iuml kappa lArr lambda lang laquo larr lceil ldquo le lfloor lowast loz lrm lsaquo lsquo lt macr mdash micro \
     middot minus mu nabla nbsp ndash ne ni not notin nsub ntilde nu oacute ocirc oelig ograve oline omega omicron \
     oplus or ordf ordm oslash otilde otimes ouml para part permil perp phi pi piv plusmn pound prime prod prop psi \
     quot rArr radic rang raquo rarr rceil rdquo real reg rfloor rho rlm rsaquo rsquo sbquo scaron sdot sect shy \
     sigma sigmaf sim spades sub sube sum sup sup1 sup2 sup3 supe szlig tau there4 theta thetasym thinsp thorn \
     tilde times trade uArr uacute uarr ucirc ugrave uml upsih upsilon uuml weierp xi yacute yen yuml zeta zwj zwnj \
     apos ";

/// Judges the text of a narrative.
pub fn judge(text: &str) -> Xhtml {
    let mut reader = Reader {
        rest: text.trim(),
        open: Vec::new(),
        content: false,
        forbidden: false,
    };
    match reader.document() {
        None => Xhtml::Malformed,
        Some(()) if reader.forbidden => Xhtml::Forbidden,
        Some(()) if !reader.content => Xhtml::Empty,
        Some(()) => Xhtml::Good,
    }
}

struct Reader<'a> {
    rest: &'a str,
    open: Vec<&'a str>,
    content: bool,
    forbidden: bool,
}

fn listed(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|one| one == name)
}

impl<'a> Reader<'a> {
    /// One element, its content, and nothing after it. `None`: not well-formed.
    fn document(&mut self) -> Option<()> {
        if !self.rest.starts_with("<div") {
            return None;
        }
        loop {
            if let Some(rest) = self.rest.strip_prefix("<!--") {
                let (comment, after) = rest.split_once("-->")?;
                if comment.contains("--") {
                    return None;
                }
                self.rest = after;
            } else if let Some(rest) = self.rest.strip_prefix("</") {
                let (name, after) = rest.split_once('>')?;
                if self.open.pop() != Some(name.trim_end()) {
                    return None;
                }
                self.rest = after;
            } else if let Some(rest) = self.rest.strip_prefix('<') {
                self.rest = rest;
                self.start_tag()?;
            } else {
                let end = self.rest.find('<')?;
                let (text, after) = self.rest.split_at(end);
                let text = decoded(text)?;
                self.content |= text.chars().any(|c| !c.is_whitespace());
                self.rest = after;
            }
            if self.open.is_empty() {
                return self.rest.is_empty().then_some(());
            }
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || ":_-.".contains(c)))?;
        let (name, after) = self.rest.split_at(end);
        self.rest = after;
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            .then_some(name)
    }

    fn start_tag(&mut self) -> Option<()> {
        let inside = !self.open.is_empty();
        let name = self.name()?;
        self.forbidden |= !listed(ELEMENTS, name);
        self.content |= name == "img";
        let mut attributes = Vec::new();
        loop {
            let before = self.rest.len();
            self.rest = self.rest.trim_start();
            if let Some(after) = self.rest.strip_prefix("/>") {
                self.rest = after;
                break;
            }
            if let Some(after) = self.rest.strip_prefix('>') {
                self.rest = after;
                self.open.push(name);
                break;
            }
            if self.rest.len() == before {
                return None; // no space before the attribute
            }
            let attribute = self.attribute()?;
            if attributes.iter().any(|(other, _)| *other == attribute.0) {
                return None;
            }
            self.judge_attribute(name, attribute.0, &attribute.1);
            // The others are forbidden anyway; keeping them would make a hostile text slow to judge.
            if listed(ATTRIBUTES, attribute.0) {
                attributes.push(attribute);
            }
        }
        // Only the outermost div must name the namespace; the others are inside it.
        let named = attributes
            .iter()
            .any(|(name, value)| *name == "xmlns" && value == NAMESPACE);
        (inside || (name == "div" && named)).then_some(())
    }

    fn attribute(&mut self) -> Option<(&'a str, String)> {
        let name = self.name()?;
        self.rest = self.rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = self.rest[1..].split_once(quote)?;
        self.rest = after;
        if value.contains('<') {
            return None;
        }
        Some((name, decoded(value)?))
    }

    fn judge_attribute(&mut self, element: &str, name: &str, value: &str) {
        // What a browser ignores must not hide a scheme: java&#10;script:
        let bare: String = value
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect::<String>()
            .to_lowercase();
        let runs_code = ["javascript:", "vbscript:"].iter().any(|scheme| bare.contains(scheme));
        let bad_link = matches!(name, "href" | "src" | "cite" | "longdesc" | "usemap")
            && bare.starts_with("data:")
            && !(element == "img" && bare.starts_with("data:image/"));
        let bad_style = name == "style" && (bare.contains("expression(") || bare.contains("@import"));
        let bad_namespace = name == "xmlns" && value != NAMESPACE;
        self.forbidden |= !listed(ATTRIBUTES, name) || runs_code || bad_link || bad_style || bad_namespace;
    }
}

/// Text with its entities replaced (named ones by a letter: which one does not matter here). `None`: a broken entity.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';')?;
        let character = match entity.strip_prefix('#') {
            Some(code) => {
                let code = match code.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => code.parse(),
                };
                char::from_u32(code.ok()?)?
            }
            None => match entity {
                "nbsp" | "ensp" | "emsp" | "thinsp" => '\u{a0}',
                _ if listed(ENTITIES, entity) => 'x',
                _ => return None,
            },
        };
        out.push(character);
        out.push_str(after);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn div(inner: &str) -> Xhtml {
        judge(&format!("<div xmlns=\"{NAMESPACE}\">{inner}</div>"))
    }

    #[test]
    fn formatting_is_good() {
        for inner in [
            "x",
            "<p>Vårdplan &amp; &nbsp;&#229;</p>",
            "<div>inner<br/><img src='a.png' alt=\"\"/></div>",
            "<table class=\"grid\"><tr><td colspan=\"2\"><b>a</b></td></tr></table><!-- c -->",
            "<a href=\"https://example.org/?a=1&amp;b=2\">x</a><a name='y'/>",
            "<img src=\"data:image/png;base64,AAAA\"/>",
        ] {
            assert_eq!(div(inner), Xhtml::Good, "{inner}");
        }
    }

    #[test]
    fn code_is_forbidden() {
        for inner in [
            "<script>x</script>",
            "<p onclick=\"x\">a</p>",
            "<a href=\"java&#10;script:x\">a</a>",
            "<a href=\" JavaScript:x\">a</a>",
            "<a href=\"data:text/html,x\">a</a>",
            "<iframe src=\"x\"/>x",
            "<form>x</form>",
            "<object>x</object>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\">x</svg>",
            "<style>x</style>",
            "<P>x</P>",
        ] {
            assert_eq!(div(inner), Xhtml::Forbidden, "{inner}");
        }
    }

    #[test]
    fn what_is_no_fragment_is_malformed() {
        for text in [
            "",
            "x",
            "<div>x</div>",
            "<p>x</p>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">x",
            "<divx>x</divx>",
        ] {
            assert_eq!(judge(text), Xhtml::Malformed, "{text}");
        }
        for inner in [
            "<p>",
            "<p>a</b>",
            "a & b",
            "&bogus;",
            "<p class=x>a</p>",
            "<p class='1' class='2'>x</p>",
            "<?php ?>",
            "<![CDATA[x]]>",
            "<p title=\"<\">x</p>",
            "</div><div>",
        ] {
            assert_eq!(div(inner), Xhtml::Malformed, "{inner}");
        }
    }

    #[test]
    fn a_hostile_text_is_judged_in_linear_time() {
        let many: String = (0..100_000).map(|i| format!(" a{i}='1'")).collect();
        assert_eq!(div(&format!("<p{many}>x</p>")), Xhtml::Forbidden);
    }

    #[test]
    fn blank_is_empty() {
        assert_eq!(div(" \n<p> &nbsp;</p>"), Xhtml::Empty);
        assert_eq!(judge("<div xmlns=\"http://www.w3.org/1999/xhtml\"/>"), Xhtml::Empty);
    }
}
