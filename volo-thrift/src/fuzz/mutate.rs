//! Changes of valid inputs that tend to matter.

use super::random::Random;

/// Numbers at the edges of what lengths, counts and ids can be.
const EDGES: [u32; 10] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// One of `seeds` after up to four changes; the same number gives the same bytes always.
pub fn mutate(seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let random = &mut Random::new(number);
    let Some(seed) = seeds.get(random.below(seeds.len())) else { return Vec::new() };
    let mut bytes = seed.clone();
    for _ in 0..random.below(5) {
        change(&mut bytes, seeds, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random<'_>) {
    let at = random.below(bytes.len());
    let end = (at + 1 + random.below(8)).min(bytes.len());
    match random.below(9) {
        _ if bytes.is_empty() => bytes.push(random.next() as u8),
        0 => bytes[at] = random.next() as u8,
        1 => bytes[at] ^= 1 << random.below(8),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.insert(at, [0, 1, 0x7f, 0x80, 0xff][random.below(5)]),
        4 => bytes[at] = bytes[at].wrapping_add([1, 2, 0xff, 0xfe][random.below(4)]),
        5 => {
            let edge = EDGES[random.below(EDGES.len())].to_be_bytes();
            let from = random.below(4);
            bytes.splice(at..end.min(at + 4 - from), edge[from..].iter().copied());
        }
        6 => {
            let copy = bytes[at..end].repeat(1 + random.below(4));
            bytes.splice(at..at, copy);
        }
        7 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            let to = (from + random.below(40)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => bytes.truncate(at),
    }
}
