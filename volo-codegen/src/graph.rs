//! Cycles and order in a directed graph of numbered nodes, without recursion: an IDL may chain things
//! arbitrarily far.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

/// Strongly connected components by Tarjan's algorithm; each one after all components it has edges into.
pub(crate) fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut index = vec![NEW; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut open = vec![false; edges.len()];
    let (mut stack, mut out, mut count) = (Vec::new(), Vec::new(), 0);
    for root in 0..edges.len() {
        // Each frame is a node and how many of its edges were followed.
        let mut frames = if index[root] == NEW { vec![(root, 0)] } else { Vec::new() };
        while let Some((node, followed)) = frames.pop() {
            if followed == 0 {
                index[node] = count;
                low[node] = count;
                open[node] = true;
                stack.push(node);
                count += 1;
            } else {
                low[node] = low[node].min(low[edges[node][followed - 1]]);
            }
            let mut next = followed;
            while let Some(&to) = edges[node].get(next) {
                next += 1;
                if index[to] == NEW {
                    frames.push((node, next));
                    frames.push((to, 0));
                    break;
                }
                if open[to] {
                    low[node] = low[node].min(index[to]);
                }
            }
            let descended = frames.last().is_some_and(|(top, _)| index[*top] == NEW);
            if !descended && low[node] == index[node] {
                let at = stack.iter().rposition(|other| *other == node).unwrap_or(0);
                let component = stack.split_off(at);
                for member in &component {
                    open[*member] = false;
                    // A finished node must not lower another one.
                    low[*member] = NEW;
                }
                out.push(component);
            }
        }
    }
    out
}

/// One cycle for each component that has any: the nodes in order, beginning with the smallest.
pub(crate) fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> =
        components(edges).into_iter().filter_map(|component| cycle_within(&component, edges)).collect();
    found.sort();
    found
}

/// A shortest cycle through the smallest node of a component.
fn cycle_within(component: &[usize], edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let start = *component.iter().min()?;
    let members: HashSet<usize> = component.iter().copied().collect();
    let mut before: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &to in edges[node].iter().filter(|to| members.contains(to)) {
            if to == start {
                let mut path = vec![node];
                while let Some(last) = before.get(path.last()?) {
                    path.push(*last);
                }
                path.reverse();
                return Some(path);
            }
            if let Entry::Vacant(slot) = before.entry(to) {
                slot.insert(node);
                queue.push_back(to);
            }
        }
    }
    None
}

/// `a → b → a`, shortened in the middle if long.
pub(crate) fn chain<'a>(cycle: &[usize], name: impl Fn(usize) -> &'a str) -> String {
    const SHOWN_MAX: usize = 8;
    let mut names: Vec<&str> = cycle.iter().take(SHOWN_MAX).map(|node| name(*node)).collect();
    if cycle.len() > SHOWN_MAX {
        names.push("…");
    }
    names.extend(cycle.first().map(|first| name(*first)));
    names.join(" → ")
}

/// The edges of a cycle, at most the first few.
pub(crate) fn steps(cycle: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    let next = cycle.iter().skip(1).chain(cycle.first());
    cycle.iter().copied().zip(next.copied()).take(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_come_after_what_they_need() {
        let edges = [vec![1, 2], vec![2], vec![3], vec![2, 4], vec![], vec![5], vec![0]];
        let mut found = components(&edges);
        found.iter_mut().for_each(|component| component.sort());
        assert_eq!(found, [vec![4], vec![2, 3], vec![1], vec![0], vec![5], vec![6]]);
        assert_eq!(cycles(&edges), [vec![2, 3], vec![5]]);
    }

    #[test]
    fn agrees_with_reachability_on_random_graphs() {
        let mut seed = 7u64;
        let mut random = move |below: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % below
        };
        for _ in 0..300 {
            let n = 1 + random(9);
            let edges: Vec<Vec<usize>> =
                (0..n).map(|_| (0..random(4)).map(|_| random(n)).collect()).collect();
            let mut reach = vec![vec![false; n]; n];
            for (from, targets) in edges.iter().enumerate() {
                targets.iter().for_each(|to| reach[from][*to] = true);
            }
            for middle in 0..n {
                let beyond = reach[middle].clone();
                for row in reach.iter_mut().filter(|row| row[middle]) {
                    row.iter_mut().zip(&beyond).for_each(|(reached, more)| *reached |= more);
                }
            }
            let found = components(&edges);
            let place = |node| found.iter().position(|component| component.contains(&node)).unwrap();
            for (i, row) in reach.iter().enumerate() {
                for (j, reached) in row.iter().enumerate() {
                    let together = i == j || (*reached && reach[j][i]);
                    assert_eq!(place(i) == place(j), together, "{edges:?}");
                    assert!(!reached || place(j) <= place(i), "{edges:?}");
                }
            }
            assert_eq!(found.iter().map(Vec::len).sum::<usize>(), n);
            let cyclic = found.iter().filter(|component| reach[component[0]][component[0]]).count();
            assert_eq!(cycles(&edges).len(), cyclic);
        }
    }

    #[test]
    fn long_chains_need_no_stack() {
        let n = 200_000;
        let edges: Vec<Vec<usize>> = (0..n).map(|node| vec![(node + 1) % n]).collect();
        assert_eq!(components(&edges).len(), 1);
        assert_eq!(cycles(&edges)[0].len(), n);
    }
}
