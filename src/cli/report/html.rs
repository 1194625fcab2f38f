//! A report as one page that needs nothing else: no script, no font, no picture from elsewhere, which its policy forbids as well.
//! What is written in mail is escaped. Every figure of a chart stands in a table, so that nothing depends on seeing colours.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use super::summary::{Figures, Summary};
use super::{chart, day, text};
use crate::cli::exit::Failure;
use crate::mail::printable::printable;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1a1a1a;--page:#ffffff;--line:#8a8a8a;--bar:#2f5ea0}\
@media(prefers-color-scheme:dark){:root{--text:#e8e8e8;--page:#161616;--line:#777777;--bar:#8ab4f8}}\
@media print{:root{--text:#000000;--page:#ffffff;--bar:#444444}section{break-inside:avoid}}\
body{font:1rem/1.5 system-ui,sans-serif;color:var(--text);background:var(--page);max-width:46rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);min-width:6rem;overflow-wrap:anywhere}\
th{white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap;min-width:0}\
@media(max-width:30rem){table{font-size:.875rem}th,td{padding-right:.5rem}}\
svg{width:100%;height:auto}svg text{fill:var(--text)}svg line,svg polyline{stroke:var(--line)}svg rect{fill:var(--bar)}";

/// The whole page.
pub(super) fn page(summary: &Summary) -> Result<String, Failure> {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let title = format!("Mail of {} from {} to {}", summary.host, day(summary.since), day(summary.until));
    let title = escaped(&title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    let _ = writeln!(out, "<p>{}.</p>", escaped(&text::figures(&summary.total)));
    if let Some(delay) = summary.delay {
        let _ = writeln!(out, "<p>{}.</p>", escaped(&text::delays(delay)));
    }
    days(&mut out, summary)?;
    let accounts = summary.accounts.iter().map(|one| {
        let delay = one.delay.map(text::delays).unwrap_or_default();
        [vec![one.name.clone()], numbers(&one.figures), vec![delay]].concat()
    });
    table(&mut out, "Accounts", &["Account", "#Messages", "#Delivered", "#Returned", "#Other", "Delay"], accounts);
    let senders = summary.senders.iter().map(|one| [vec![one.sender.clone()], numbers(&one.figures)].concat());
    table(&mut out, "Senders with most mail", &["Sender", "#Messages", "#Delivered", "#Returned", "#Other"], senders);
    let bounces = summary
        .bounces
        .iter()
        .map(|one| vec![one.cause.to_owned(), one.recipients.to_string(), one.codes.join(", "), one.cure.to_owned()]);
    table(&mut out, "Why mail was returned", &["Cause", "#Recipients", "Codes", "What to do"], bounces);
    let quiet = summary.quiet.iter().map(|one| vec![one.sender.clone(), one.before.to_string(), day(one.last)]);
    table(&mut out, "Gone silent", &["Sender", "#Messages before", "Last"], quiet);
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(out)
}

fn days(out: &mut String, summary: &Summary) -> Result<(), Failure> {
    let values = |of: fn(&Figures) -> usize| -> Vec<(String, usize)> {
        summary.days.iter().map(|one| (one.day.strftime("%m-%d").to_string(), of(&one.figures))).collect()
    };
    let charts = [
        ("Messages per day", values(|figures| figures.messages)),
        ("Recipients returned per day", values(|figures| figures.returned)),
    ];
    for (title, values) in charts {
        if values.iter().any(|(_, value)| *value > 0) {
            let drawing = chart::bars(&values)?;
            let named = drawing.replacen(
                "<svg ",
                &format!("<svg role=\"img\" aria-label=\"{title}; the table has the figures\" "),
                1,
            );
            let _ = writeln!(out, "<section>\n<h2>{title}</h2>\n{named}\n</section>");
        }
    }
    let rows = summary.days.iter().map(|one| [vec![one.day.to_string()], numbers(&one.figures)].concat());
    table(out, "Days", &["Day", "#Messages", "#Delivered", "#Returned", "#Other"], rows);
    Ok(())
}

fn numbers(figures: &Figures) -> Vec<String> {
    [figures.messages, figures.delivered, figures.returned, figures.other].map(|number| number.to_string()).to_vec()
}

/// A column whose name begins with # has numbers. A table that is wider than the screen is moved with the keyboard as well.
fn table(out: &mut String, title: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let class = |column: &str| if column.starts_with('#') { " class=\"n\"" } else { "" };
    let _ = write!(
        out,
        "<section>\n<h2>{title}</h2>\n<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{title}\">\n<table>\n<thead><tr>"
    );
    for column in columns {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(column), column.trim_start_matches('#'));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in columns.iter().zip(&row) {
            let _ = write!(out, "<td{}>{}</td>", class(column), escaped(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn escaped(text: &str) -> String {
    let text = printable(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
