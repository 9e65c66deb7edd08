//! Plain tables: columns as wide as their widest cell, numbers to the right.

use std::fmt;

/// Rows of cells under a header.
#[derive(Debug, Default)]
pub(super) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [&dyn ToString; N]) {
        debug_assert_eq!(N, self.header.len());
        self.rows
            .push(cells.iter().map(|cell| cell.to_string()).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header: Vec<String> = self.header.iter().map(|cell| (*cell).to_owned()).collect();
        let lines = || std::iter::once(&header).chain(&self.rows);
        let width = |column: usize| lines().map(|line| line[column].len()).max().unwrap_or(0);
        let widths: Vec<_> = (0..header.len()).map(width).collect();
        for line in lines() {
            let mut text = String::from(" ");
            for (cell, width) in line.iter().zip(&widths) {
                let is_number = cell.bytes().all(|byte| byte.is_ascii_digit());
                text += &if is_number {
                    format!(" {cell:>width$}")
                } else {
                    format!(" {cell:<width$}")
                };
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}
