//! Lists of fixed-width numbers, read as a whole: the loop is vectorised, with AVX2 where the processor has it.
//! (Their counterpart for writing is [`volo_core::span::Cursor::put_numbers`].)

/// Fewest elements for which looking at the processor's features pays.
#[cfg(target_arch = "x86_64")]
const VECTOR_MIN: usize = 8;

/// Appends all numbers in `bytes`, `N` bytes each; a rest that is no whole number is ignored.
#[inline]
pub(super) fn extend<T, const N: usize>(
    to: &mut Vec<T>,
    bytes: &[u8],
    from_bytes: impl Fn([u8; N]) -> T + Copy,
) {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= VECTOR_MIN * N && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { extend_avx2(to, bytes, from_bytes) };
    }
    extend_each(to, bytes, from_bytes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn extend_avx2<T, const N: usize>(to: &mut Vec<T>, bytes: &[u8], from_bytes: impl Fn([u8; N]) -> T + Copy) {
    extend_each(to, bytes, from_bytes);
}

#[inline(always)]
fn extend_each<T, const N: usize>(to: &mut Vec<T>, bytes: &[u8], from_bytes: impl Fn([u8; N]) -> T) {
    let (numbers, _) = bytes.as_chunks::<N>();
    to.extend(numbers.iter().map(|number| from_bytes(*number)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lengths_and_alignments() {
        let bytes: Vec<u8> = (0..=255).cycle().take(500).collect();
        for (start, count) in (0..9).flat_map(|start| (0..50).map(move |count| (start, count))) {
            let part = &bytes[start..start + count * 8];
            let mut found = vec![7];
            extend(&mut found, part, u64::from_be_bytes);
            let expected = part.chunks(8).map(|chunk| u64::from_be_bytes(chunk.try_into().unwrap()));
            assert_eq!(found, [7].into_iter().chain(expected).collect::<Vec<_>>());
        }
    }
}
