//! Tiles (c2sp.org/tlog-tiles): the hashes of the tree as static files of up to 256 hashes each.
//!
//! Tile `n` of level `l` holds the roots of the subtrees of 256^l leaves with the indexes from 256 * `n` on. A tile that is not
//! full is a file of its own, named by its width: `tile/0/x001/234.p/17`. A full tile never changes. Its root is an entry of the level
//! above, so full tiles alone make all above them again.

use crate::Unproven;
use crate::merkle::{Hash, Subtrees, Tree, empty_root, node_hash};

#[cfg(test)]
mod tests;

/// Hashes of a full tile.
pub const WIDTH: u64 = 256;
/// Levels of a tree of 2^64 leaves.
pub const LEVELS: u8 = 8;

/// Which file of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// 0 for hashes of leaves, below [`LEVELS`].
    pub level: u8,
    /// Place in its level.
    pub number: u64,
    /// How many hashes it has, 1 to 256.
    pub width: u16,
}

impl Tile {
    /// Its path.
    pub fn path(&self) -> String {
        let mut number = format!("{:03}", self.number % 1000);
        let mut rest = self.number / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        match self.width {
            256 => format!("tile/{}/{number}", self.level),
            width => format!("tile/{}/{number}.p/{width}", self.level),
        }
    }

    /// The tile of a path; `None` for other paths.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, number) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = match number.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|width| (1..256).contains(width))?),
            None => (number, 256),
        };
        let digits: String = number.split('/').map(|part| part.trim_start_matches('x')).collect();
        let tile = Self { level: level.parse().ok()?, number: digits.parse().ok()?, width };
        // One tile has one path.
        (tile.level < LEVELS && tile.path() == path).then_some(tile)
    }

    /// The tile of a tree of `size` leaves that has this place; `None` when it has none there.
    pub fn of(level: u8, number: u64, size: u64) -> Option<Self> {
        let entries = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let width = entries.saturating_sub(number.checked_mul(WIDTH)?).min(WIDTH);
        (width > 0).then_some(Self { level, number, width: width as u16 })
    }

    /// How many tiles a tree of `size` leaves has on a level.
    pub fn count(level: u8, size: u64) -> u64 {
        size.checked_shr(8 * u32::from(level)).unwrap_or(0).div_ceil(WIDTH)
    }
}

/// The hashes of a tile of this width.
pub fn hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, Unproven> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() && hashes.len() == usize::from(tile.width) {
        return Ok(hashes.to_vec());
    }
    Err(Unproven(format!("{} has {} bytes, not {}", tile.path(), bytes.len(), 32 * u32::from(tile.width))))
}

/// The root over a number of hashes that is a power of two.
pub fn perfect_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&perfect_root(left), &perfect_root(right))
        }
    }
}

/// Reads the tiles of one tree, of which it remembers a few.
pub struct Tiles<R> {
    size: u64,
    read: R,
    known: Vec<(Tile, Vec<Hash>)>,
}

/// Tiles that are remembered: a path from a leaf up, and its neighbour.
const KNOWN_MAX: usize = 2 * LEVELS as usize;

impl<R, E> Tiles<R>
where
    R: FnMut(&Tile) -> Result<Vec<Hash>, E>,
{
    /// The tiles of a tree of `size` leaves, as `read` finds them, with their whole width.
    pub fn new(size: u64, read: R) -> Self {
        Self { size, read, known: Vec::new() }
    }

    fn tile(&mut self, tile: Tile) -> Result<&[Hash], E> {
        let at = match self.known.iter().position(|(known, _)| *known == tile) {
            Some(at) => at,
            None => {
                let hashes = (self.read)(&tile)?;
                if self.known.len() == KNOWN_MAX {
                    self.known.remove(0);
                }
                self.known.push((tile, hashes));
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].1)
    }
}

impl<R, E> Subtrees for Tiles<R>
where
    R: FnMut(&Tile) -> Result<Vec<Hash>, E>,
    E: From<Unproven>,
{
    type Error = E;

    fn root(&mut self, height: u32, index: u64) -> Result<Hash, E> {
        let (level, inside) = ((height / 8) as u8, height % 8);
        let first = index << inside;
        let gone = || E::from(Unproven(format!("the tree of {} leaves has no subtree {height}/{index}", self.size)));
        let tile = Tile::of(level, first / WIDTH, self.size).ok_or_else(gone)?;
        let size = self.size;
        let hashes = self.tile(tile)?;
        let start = (first % WIDTH) as usize;
        let hashes = hashes.get(start..start + (1 << inside));
        hashes
            .map(perfect_root)
            .ok_or_else(|| Unproven(format!("{} of {size} leaves is too short", tile.path())).into())
    }
}

/// The right edge of a tree, from which it grows: on each level the hashes of the tile that is not full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a tree of `size` leaves. Of the levels above the leaves full tiles are read, those of the level below; on
    /// the level of the leaves, the tile that is not full.
    pub fn resume<E>(size: u64, mut read: impl FnMut(&Tile) -> Result<Vec<Hash>, E>) -> Result<Self, E> {
        let mut edge = Self { size, levels: Vec::new() };
        for level in 0..LEVELS {
            let entries = size >> (8 * u32::from(level));
            let numbers = (entries - entries % WIDTH)..entries;
            let hashes = match Tile::of(level, numbers.start / WIDTH, size) {
                _ if numbers.is_empty() => Vec::new(),
                Some(tile) if level == 0 => read(&tile)?,
                _ => {
                    let below = numbers.map(|number| Tile { level: level - 1, number, width: 256 });
                    below.map(|tile| Ok(perfect_root(&read(&tile)?))).collect::<Result<Vec<Hash>, E>>()?
                }
            };
            edge.levels.push(hashes);
        }
        Ok(edge)
    }

    /// Adds a leaf; tiles that become full are given to `full`.
    pub fn push(&mut self, leaf: Hash, full: &mut impl FnMut(Tile, Vec<u8>)) {
        self.add(leaf, None, full);
    }

    /// Adds leaves, as `push` does. `roots` are those of the tiles of leaves that become full by it, in order, as far as they are known:
    /// their nodes are not hashed again.
    pub fn extend(&mut self, leaves: &[Hash], roots: &[Hash], full: &mut impl FnMut(Tile, Vec<u8>)) {
        let mut roots = roots.iter();
        for leaf in leaves {
            let fills = self.size % WIDTH == WIDTH - 1;
            let root = if fills { roots.next().copied() } else { None };
            self.add(*leaf, root, full);
        }
    }

    fn add(&mut self, leaf: Hash, mut root: Option<Hash>, full: &mut impl FnMut(Tile, Vec<u8>)) {
        let (mut hash, mut entries) = (leaf, self.size + 1);
        for level in 0..LEVELS {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Vec::with_capacity(WIDTH as usize));
            }
            let hashes = &mut self.levels[usize::from(level)];
            hashes.push(hash);
            if hashes.len() < WIDTH as usize {
                break;
            }
            hash = root.take().unwrap_or_else(|| perfect_root(hashes));
            full(Tile { level, number: entries / WIDTH - 1, width: 256 }, hashes.concat());
            hashes.clear();
            entries /= WIDTH;
        }
        self.size += 1;
    }

    /// The tiles that are not full, with their bytes.
    pub fn partial_tiles(&self) -> Vec<(Tile, Vec<u8>)> {
        let levels = (0..LEVELS).zip(&self.levels).filter(|(_, hashes)| !hashes.is_empty());
        let tile = |(level, hashes): (u8, &Vec<Hash>)| {
            let number = (self.size >> (8 * u32::from(level))) / WIDTH;
            (Tile { level, number, width: hashes.len() as u16 }, hashes.concat())
        };
        levels.map(tile).collect()
    }

    /// The tree so far.
    pub fn tree(&self) -> Tree {
        let mut above: Option<Hash> = None;
        for hashes in &self.levels {
            // Perfect subtrees of one tile, from the smallest, which is rightmost, on.
            let (mut rest, mut end) = (hashes.len(), hashes.len());
            while rest > 0 {
                let start = end - (1 << rest.trailing_zeros());
                let left = perfect_root(&hashes[start..end]);
                above = Some(above.map_or(left, |right| node_hash(&left, &right)));
                (rest, end) = (rest & (rest - 1), start);
            }
        }
        Tree { size: self.size, root: above.unwrap_or_else(empty_root) }
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }
}
