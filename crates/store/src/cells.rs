//! The cells that a statement names.

use overround_domain::wallet::Cell;
use std::collections::BTreeSet;

/// Each cell once, for `cell = any($n)`. Once, because every look-up of an index sorts that array anew.
pub(crate) fn distinct(cells: impl IntoIterator<Item = Cell>) -> Vec<i16> {
    let cells: BTreeSet<i16> = cells.into_iter().map(Cell::get).collect();
    cells.into_iter().collect()
}
