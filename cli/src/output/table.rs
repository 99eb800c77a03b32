//! A table that fits the terminal: widths come from the first rows, so that any number of rows needs little memory.

use std::io::{self, Write};

use console::{Style, measure_text_width, truncate_str};

/// Rows that are looked at to choose the widths.
const SAMPLE: usize = 200;
const GAP: &str = "  ";
/// Narrower than this a column says nothing.
const NARROWEST: usize = 10;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) title: String,
    /// Numbers stand on the right.
    pub(crate) right: bool,
    /// Cells are never cut, because without them a row says nothing.
    pub(crate) whole: bool,
}

/// Writes rows as a table.
pub(crate) struct Table {
    columns: Vec<Column>,
    fit: Option<usize>,
    hide_empty: bool,
    waiting: Vec<Vec<String>>,
    layout: Option<Layout>,
}

/// The columns that are shown: which, and how wide.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    shown: Vec<(usize, usize)>,
    left_out: Vec<usize>,
}

impl Table {
    /// A table of `columns`. It is at most `fit` columns of text wide, if given; then columns that are empty in the
    /// first rows are left out, if `hide_empty`.
    pub(crate) fn new(columns: Vec<Column>, fit: Option<usize>, hide_empty: bool) -> Self {
        Self { columns, fit, hide_empty, waiting: Vec::new(), layout: None }
    }

    /// Adds a row, which may be written later.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub(crate) fn row(&mut self, row: Vec<String>, out: &mut dyn Write) -> io::Result<()> {
        match &self.layout {
            Some(layout) => line(&self.columns, layout, &row, out),
            None => {
                self.waiting.push(row);
                if self.waiting.len() >= SAMPLE { self.flush(out) } else { Ok(()) }
            }
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub(crate) fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let layout = layout(&self.columns, &self.waiting, self.fit, self.hide_empty);
        // Where nothing has to fit there is no terminal.
        header(&self.columns, &layout, self.fit.is_some(), out)?;
        for row in self.waiting.drain(..) {
            line(&self.columns, &layout, &row, out)?;
        }
        self.layout = Some(layout);
        Ok(())
    }

    /// Columns that are left out because there is no room for them.
    pub(crate) fn left_out(&self) -> Vec<&str> {
        let Some(layout) = &self.layout else { return Vec::new() };
        let columns = layout.left_out.iter().filter_map(|at| self.columns.get(*at));
        columns.map(|column| column.title.as_str()).collect()
    }
}

fn layout(columns: &[Column], rows: &[Vec<String>], fit: Option<usize>, hide_empty: bool) -> Layout {
    let widest = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| measure_text_width(cell)).max();
    let mut shown: Vec<(usize, usize)> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| (at, widest(at).unwrap_or(0), measure_text_width(&column.title)))
        .filter(|(_, content, _)| !hide_empty || *content > 0)
        .map(|(at, content, title)| (at, content.max(title)))
        .collect();
    let left_out = fit.map(|fit| squeeze(columns, &mut shown, fit)).unwrap_or_default();
    Layout { shown, left_out }
}

/// Drops the last columns until the others can fit, then takes width from the widest until they do. Returns the dropped.
fn squeeze(columns: &[Column], shown: &mut Vec<(usize, usize)>, fit: usize) -> Vec<usize> {
    let is_whole = |at: usize| columns.get(at).is_some_and(|column| column.whole);
    let least = |(at, width): &(usize, usize)| if is_whole(*at) { *width } else { NARROWEST.min(*width) };
    let gaps = |count: usize| GAP.len() * count.saturating_sub(1);
    let mut dropped = Vec::new();
    while shown.iter().map(least).sum::<usize>() + gaps(shown.len()) > fit {
        let last = shown.iter().rposition(|(at, _)| !is_whole(*at)).filter(|_| shown.len() > 1);
        let Some(last) = last else { break };
        dropped.push(shown.remove(last).0);
    }
    while shown.iter().map(|(_, width)| width).sum::<usize>() + gaps(shown.len()) > fit {
        let able = shown.iter_mut().filter(|(at, width)| *width > NARROWEST && !is_whole(*at));
        let Some((_, width)) = able.max_by_key(|(_, width)| *width) else { break };
        *width -= 1;
    }
    dropped.reverse();
    dropped
}

fn header(columns: &[Column], layout: &Layout, bold: bool, out: &mut dyn Write) -> io::Result<()> {
    let titles: Vec<String> = columns.iter().map(|column| column.title.clone()).collect();
    let text = compose(columns, layout, &titles);
    let style = if bold { Style::new().bold() } else { Style::new() };
    writeln!(out, "{}", style.apply_to(text))
}

fn line(columns: &[Column], layout: &Layout, row: &[String], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", compose(columns, layout, row))
}

fn compose(columns: &[Column], layout: &Layout, row: &[String]) -> String {
    let mut text = String::new();
    for (position, (at, width)) in layout.shown.iter().enumerate() {
        let cell = row.get(*at).map_or("", String::as_str);
        let cell = truncate_str(cell, *width, "…");
        let padding = " ".repeat(width.saturating_sub(measure_text_width(&cell)));
        if position > 0 {
            text.push_str(GAP);
        }
        if columns.get(*at).is_some_and(|column| column.right) {
            text.extend([padding.as_str(), &cell]);
        } else {
            text.extend([&cell, padding.as_str()]);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(titles: &[&str]) -> Vec<Column> {
        titles
            .iter()
            .map(|title| Column { title: (*title).to_owned(), right: *title == "N", whole: *title == "ID" })
            .collect()
    }

    fn render(table: &mut Table, rows: &[&[&str]]) -> Vec<String> {
        let mut out = Vec::new();
        for row in rows {
            table.row(row.iter().map(|cell| (*cell).to_owned()).collect(), &mut out).unwrap();
        }
        table.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn columns_line_up_and_numbers_stand_on_the_right() {
        let mut table = Table::new(columns(&["NAME", "N"]), None, false);
        assert_eq!(render(&mut table, &[&["ada", "7"], &["b", "1234"]]), ["NAME     N", "ada      7", "b     1234"]);
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let mut table = Table::new(columns(&["NAME", "X"]), None, false);
        assert_eq!(
            render(&mut table, &[&["山田花子", "a"], &["Łukasz", "b"]]),
            ["NAME      X", "山田花子  a", "Łukasz    b"]
        );
    }

    #[test]
    fn the_widest_column_gives_way_first() {
        let mut table = Table::new(columns(&["A", "B"]), Some(30), false);
        let lines = render(&mut table, &[&["0123456789", &"x".repeat(30)]]);
        assert!(lines.iter().all(|line| measure_text_width(line) <= 30), "{lines:?}");
        assert_eq!(lines[1], "0123456789  xxxxxxxxxxxxxxxxx…");
    }

    #[test]
    fn columns_without_room_are_left_out_and_named() {
        let mut table = Table::new(columns(&["A", "B", "C"]), Some(27), false);
        let wide = "x".repeat(20);
        let lines = render(&mut table, &[&[&wide, &wide, &wide]]);
        assert!(measure_text_width(&lines[1]) == 27 && lines[1].matches('…').count() == 2, "{lines:?}");
        assert_eq!(table.left_out(), ["C"]);
    }

    #[test]
    fn what_names_a_row_is_never_cut() {
        let mut table = Table::new(columns(&["ID", "B", "C"]), Some(30), false);
        let lines = render(&mut table, &[&["employees/10001", "xxxxxxxxxxxx", "xxxxxxxxxxxx"]]);
        assert_eq!(lines[1], "employees/10001  xxxxxxxxxxxx");
        assert_eq!(table.left_out(), ["C"]);
    }

    #[test]
    fn a_terminal_of_any_width_is_survived() {
        for fit in 0..40 {
            let mut table = Table::new(columns(&["A", "B", "C"]), Some(fit), false);
            let lines = render(&mut table, &[&["0123456789", "012", "0123456789012345"]]);
            assert!(lines.iter().all(|line| measure_text_width(line) <= fit.max(NARROWEST + 2)), "{fit}: {lines:?}");
        }
    }

    #[test]
    fn empty_columns_can_be_hidden() {
        let mut table = Table::new(columns(&["A", "B", "C"]), None, true);
        assert_eq!(render(&mut table, &[&["1", "", "3"], &["1", "", "3"]]), ["A  C", "1  3", "1  3"]);
    }

    #[test]
    fn a_long_table_is_written_as_it_comes() {
        let mut table = Table::new(columns(&["A"]), None, false);
        let mut out = Vec::new();
        for _ in 0..SAMPLE {
            table.row(vec!["x".into()], &mut out).unwrap();
        }
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), SAMPLE + 1);
        table.row(vec!["y".into()], &mut out).unwrap();
        assert!(out.ends_with(b"y\n"));
    }
}
