//! A layered layout from left to right: boxes in columns, arrows with a port of their own at each box.
//!
//! Source: Sugiyama's method (break cycles, assign layers, order by barycentres, place). Deterministic:
//! equal input gives an equal picture. Arrows from a box to itself, and those beyond the firm ones, take no part in
//! the layers: what does not belong bends around the picture and does not shape it.

/// Distance between two ports of one box, wide enough for a badge.
const PORT_GAP: f64 = 24.0;
/// Free space between boxes of a column, and between columns.
const BOX_GAP: f64 = 26.0;
const COLUMN_GAP: f64 = 165.0;
/// What passes by a column takes this much of its height.
const LANE: f64 = 14.0;
/// Rounds of ordering and of placing: beyond it nothing moves in pictures of fifty boxes.
const ROUNDS: usize = 12;

/// A box to place.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub width: f64,
    pub height: f64,
}

/// A placed box: its upper left corner and its size.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Placed {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A placed arrow: the points that its curve goes through, from source to destination.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Route {
    pub points: Vec<(f64, f64)>,
    /// The arrow runs against the columns.
    pub is_back: bool,
}

/// The whole picture.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Layout {
    pub boxes: Vec<Placed>,
    pub routes: Vec<Route>,
    pub width: f64,
    pub height: f64,
}

/// A box, or a lane by which a long arrow passes a column.
#[derive(Clone, Copy, Debug)]
struct Node {
    layer: usize,
    size: Size,
    /// Free height under the box, for arrows to itself.
    below: f64,
    y: f64,
    /// The arrow that passes, for a lane.
    lane: Option<usize>,
}

/// Places `sizes` and routes `edges` (source, destination), of which the first `firm` shape the columns.
/// Edges that name no box are left out of the picture.
pub fn layout(sizes: &[Size], edges: &[(usize, usize)], firm: usize) -> Layout {
    let count = sizes.len();
    let (strong, weak) = edges.split_at(firm.min(edges.len()));
    let mut forward = forward(count, strong);
    let mut layers = layers(count, &forward);
    stand_outside(&mut layers, strong, weak);
    forward.extend(weak.iter().map(|&(from, to)| {
        let layer = |node: usize| layers.get(node).copied();
        match layer(from)?.cmp(&layer(to)?) {
            std::cmp::Ordering::Less => Some((from, to, false)),
            std::cmp::Ordering::Greater => Some((to, from, true)),
            std::cmp::Ordering::Equal => None,
        }
    }));
    let mut nodes: Vec<Node> = sizes
        .iter()
        .zip(&layers)
        .map(|(&size, &layer)| Node { layer, size, below: 0.0, y: 0.0, lane: None })
        .collect();
    // Each arrow as a chain of nodes, in the direction of the columns.
    let mut chains: Vec<Vec<usize>> = Vec::with_capacity(edges.len());
    for (at, edge) in forward.iter().enumerate() {
        let Some((from, to, _)) = *edge else {
            chains.push(Vec::new());
            continue;
        };
        let (first, last) = (layer_of(&nodes, from), layer_of(&nodes, to));
        let mut chain = vec![from];
        for layer in first + 1..last {
            nodes.push(Node {
                layer,
                size: Size { width: 0.0, height: LANE },
                below: 0.0,
                y: 0.0,
                lane: Some(at),
            });
            chain.push(nodes.len() - 1);
        }
        chain.push(to);
        chains.push(chain);
    }
    let mut ports = vec![[0usize; 2]; nodes.len()];
    for chain in &chains {
        for pair in chain.windows(2) {
            if let [from, to] = *pair {
                bump(&mut ports, from, 1);
                bump(&mut ports, to, 0);
            }
        }
    }
    for &(from, to) in weak.iter().filter(|&&(from, to)| from != to && layers.get(from) == layers.get(to)) {
        bump(&mut ports, from, 1);
        bump(&mut ports, to, 1);
    }
    let loops = |node: usize| edges.iter().filter(|&&(from, to)| from == node && to == node).count();
    for (at, node) in nodes.iter_mut().enumerate().take(count) {
        let [left, right] = ports.get(at).copied().unwrap_or_default();
        let needed = left.max(right) as f64 * PORT_GAP + 8.0;
        node.size.height = node.size.height.max(needed);
        node.below = loops(at) as f64 * PORT_GAP;
    }
    let mut columns = columns(&nodes);
    order(&mut columns, &chains, nodes.len());
    place(&mut nodes, &columns, &chains);
    draw(&nodes, count, &columns, &chains, edges, &forward)
}

fn layer_of(nodes: &[Node], node: usize) -> usize {
    nodes.get(node).map_or(0, |node| node.layer)
}

fn bump(ports: &mut [[usize; 2]], node: usize, side: usize) {
    if let Some(count) = ports.get_mut(node).and_then(|sides| sides.get_mut(side)) {
        *count += 1;
    }
}

/// Edges turned so that they make no cycle: (from, to, whether it was turned); `None` for loops.
fn forward(count: usize, edges: &[(usize, usize)]) -> Vec<Option<(usize, usize, bool)>> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    edges
        .iter()
        .map(|&(from, to)| {
            if from == to || from >= count || to >= count {
                return None;
            }
            // Earlier edges stand first: one that would close a cycle over them is turned.
            let is_turned = reaches(&out, to, from);
            let (first, last) = if is_turned { (to, from) } else { (from, to) };
            if let Some(targets) = out.get_mut(first)
                && !targets.contains(&last)
            {
                targets.push(last);
            }
            Some((first, last, is_turned))
        })
        .collect()
}

fn reaches(out: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![false; out.len()];
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node == to {
            return true;
        }
        match seen.get_mut(node) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        open.extend(out.get(node).into_iter().flatten());
    }
    false
}

/// The longest way to each box; one without a predecessor stands next to its first successor.
fn layers(count: usize, edges: &[Option<(usize, usize, bool)>]) -> Vec<usize> {
    let mut layers = vec![0usize; count];
    for _ in 0..count {
        let mut is_settled = true;
        for &(from, to, _) in edges.iter().flatten() {
            let least = layers.get(from).copied().unwrap_or_default() + 1;
            if let Some(layer) = layers.get_mut(to)
                && *layer < least
            {
                *layer = least;
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    for node in 0..count {
        if edges.iter().flatten().any(|&(_, to, _)| to == node) {
            continue;
        }
        let nearest = edges
            .iter()
            .flatten()
            .filter(|&&(from, _, _)| from == node)
            .filter_map(|&(_, to, _)| layers.get(to).copied())
            .min();
        if let (Some(nearest), Some(layer)) = (nearest, layers.get_mut(node)) {
            *layer = nearest.saturating_sub(1);
        }
    }
    layers
}

/// Boxes that no firm edge touches stand outside: who begins before the first column, who only answers after the last.
fn stand_outside(layers: &mut [usize], strong: &[(usize, usize)], weak: &[(usize, usize)]) {
    let is_loose = |node: usize| !strong.iter().any(|&(from, to)| from == node || to == node);
    let begins = |node: usize| weak.iter().any(|&(from, _)| from == node);
    let last = layers.iter().copied().max().unwrap_or(0);
    let has_first = (0..layers.len()).any(|node| is_loose(node) && begins(node));
    for (node, layer) in layers.iter_mut().enumerate() {
        let shift = usize::from(has_first);
        *layer = match (is_loose(node), begins(node)) {
            (true, true) => 0,
            (true, false) => last + 1 + shift,
            (false, _) => *layer + shift,
        };
    }
}

fn columns(nodes: &[Node]) -> Vec<Vec<usize>> {
    let many = nodes.iter().map(|node| node.layer + 1).max().unwrap_or(0);
    let mut columns = vec![Vec::new(); many];
    for (at, node) in nodes.iter().enumerate() {
        if let Some(column) = columns.get_mut(node.layer) {
            column.push(at);
        }
    }
    columns
}

fn neighbours(chains: &[Vec<usize>], count: usize) -> Vec<[Vec<usize>; 2]> {
    let mut near = vec![[Vec::new(), Vec::new()]; count];
    for chain in chains {
        for pair in chain.windows(2) {
            if let [from, to] = *pair {
                if let Some([_, right]) = near.get_mut(from) {
                    right.push(to);
                }
                if let Some([left, _]) = near.get_mut(to) {
                    left.push(from);
                }
            }
        }
    }
    near
}

/// Orders each column by the mean rank of the neighbours to the left, then to the right, a few times.
fn order(columns: &mut [Vec<usize>], chains: &[Vec<usize>], count: usize) {
    let near = neighbours(chains, count);
    let mut rank = vec![0.0f64; count];
    let number = |column: &[usize], rank: &mut Vec<f64>| {
        let many = column.len().max(1) as f64;
        for (at, &node) in column.iter().enumerate() {
            if let Some(rank) = rank.get_mut(node) {
                *rank = (at as f64 + 0.5) / many;
            }
        }
    };
    for column in columns.iter() {
        number(column, &mut rank);
    }
    let many = columns.len();
    for round in 0..ROUNDS {
        let is_down = round % 2 == 0;
        for step in 0..many {
            let at = if is_down { step } else { many - 1 - step };
            let Some(column) = columns.get_mut(at) else { continue };
            let mean = |node: usize| -> f64 {
                let sides = near.get(node);
                let side = sides.and_then(|sides| if is_down { sides.first() } else { sides.last() });
                let of = side.map_or(&[][..], Vec::as_slice);
                let own = rank.get(node).copied().unwrap_or_default();
                if of.is_empty() {
                    return own;
                }
                of.iter().filter_map(|&other| rank.get(other)).sum::<f64>() / of.len() as f64
            };
            column.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)).then(a.cmp(&b)));
            number(&column.clone(), &mut rank);
        }
    }
}

/// Heights: each node wants to stand at the mean of its neighbours; none overlaps.
fn place(nodes: &mut [Node], columns: &[Vec<usize>], chains: &[Vec<usize>]) {
    let near = neighbours(chains, nodes.len());
    for column in columns {
        settle(nodes, column, None);
    }
    for round in 0..ROUNDS {
        let steps: Vec<&Vec<usize>> =
            if round % 2 == 0 { columns.iter().collect() } else { columns.iter().rev().collect() };
        for column in steps {
            let wanted: Vec<f64> = column
                .iter()
                .map(|&node| {
                    let middle =
                        |node: usize| nodes.get(node).map_or(0.0, |node| node.y + node.size.height / 2.0);
                    let of: Vec<usize> = near
                        .get(node)
                        .map_or_else(Vec::new, |sides| sides.iter().flatten().copied().collect());
                    let own = middle(node);
                    let mean = if of.is_empty() {
                        own
                    } else {
                        of.iter().map(|&other| middle(other)).sum::<f64>() / of.len() as f64
                    };
                    mean - nodes.get(node).map_or(0.0, |node| node.size.height / 2.0)
                })
                .collect();
            settle(nodes, column, Some(&wanted));
        }
    }
    let top = nodes.iter().map(|node| node.y).fold(f64::INFINITY, f64::min);
    for node in nodes {
        node.y -= top;
    }
}

/// Puts a column's nodes at what they want, in order, without overlap, with the least shift downwards, then up again.
fn settle(nodes: &mut [Node], column: &[usize], wanted: Option<&[f64]>) {
    let gap = |nodes: &[Node], node: usize| {
        if nodes.get(node).is_some_and(|node| node.lane.is_some()) { LANE / 2.0 } else { BOX_GAP }
    };
    let mut floor = f64::NEG_INFINITY;
    let mut shift = 0.0;
    for (at, &node) in column.iter().enumerate() {
        let want = match wanted {
            Some(wanted) => wanted.get(at).copied().unwrap_or_default(),
            None if at == 0 => 0.0,
            None => floor,
        };
        let y = if want < floor { floor } else { want };
        shift += y - want;
        let gap = gap(nodes, node);
        if let Some(node) = nodes.get_mut(node) {
            node.y = y;
            floor = y + node.size.height + node.below + gap;
        }
    }
    if wanted.is_some() && !column.is_empty() {
        // The column as a whole moves by the mean of what its nodes were moved.
        let mean = shift / column.len() as f64;
        for &node in column {
            if let Some(node) = nodes.get_mut(node) {
                node.y -= mean;
            }
        }
    }
}

fn draw(
    nodes: &[Node],
    count: usize,
    columns: &[Vec<usize>],
    chains: &[Vec<usize>],
    edges: &[(usize, usize)],
    forward: &[Option<(usize, usize, bool)>],
) -> Layout {
    let mut left = Vec::with_capacity(columns.len());
    let mut x = 0.0;
    for column in columns {
        let width = column
            .iter()
            .filter_map(|&node| nodes.get(node))
            .map(|node| node.size.width)
            .fold(0.0f64, f64::max);
        left.push((x, width));
        x += width + COLUMN_GAP;
    }
    let boxes: Vec<Placed> = nodes
        .iter()
        .take(count)
        .map(|node| {
            let (x, width) = left.get(node.layer).copied().unwrap_or_default();
            Placed {
                x: x + (width - node.size.width) / 2.0,
                y: node.y,
                width: node.size.width,
                height: node.size.height,
            }
        })
        .collect();
    let middle = |node: usize| nodes.get(node).map_or(0.0, |node| node.y + node.size.height / 2.0);
    // Which chains touch a box on which side, ordered by where they come from.
    let port = |chain_at: usize, node: usize, is_right: bool| -> f64 {
        let mut touching: Vec<(f64, usize)> = chains
            .iter()
            .enumerate()
            .filter_map(|(at, chain)| {
                let (first, second) = (chain.first()?, chain.get(1)?);
                let (last, before) = (chain.last()?, chain.get(chain.len().checked_sub(2)?)?);
                if is_right && *first == node {
                    Some((middle(*second), at))
                } else if !is_right && *last == node {
                    Some((middle(*before), at))
                } else {
                    None
                }
            })
            .collect();
        touching.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let at = touching.iter().position(|&(_, at)| at == chain_at).unwrap_or(0);
        middle(node) + (at as f64 - (touching.len() as f64 - 1.0) / 2.0) * PORT_GAP
    };
    let mut loops_at = vec![0usize; count];
    let routes = edges
        .iter()
        .enumerate()
        .map(|(at, &(from, to))| {
            let chain = chains.get(at).map_or(&[][..], Vec::as_slice);
            let (Some(&first), Some(&last)) = (chain.first(), chain.last()) else {
                return if from == to {
                    self_loop(&boxes, from, &mut loops_at)
                } else {
                    same_column(&boxes, from, to)
                };
            };
            let mut points = Vec::with_capacity(chain.len());
            for &node in chain {
                let Some(spot) = nodes.get(node) else { continue };
                let (x, width) = left.get(spot.layer).copied().unwrap_or_default();
                if node == first {
                    let placed = boxes.get(node).copied().unwrap_or_default();
                    points.push((placed.x + placed.width, port(at, node, true)));
                } else if node == last {
                    let placed = boxes.get(node).copied().unwrap_or_default();
                    points.push((placed.x, port(at, node, false)));
                } else {
                    points.push((x, middle(node)));
                    points.push((x + width, middle(node)));
                }
            }
            let is_back = forward.get(at).copied().flatten().is_some_and(|(_, _, is_turned)| is_turned);
            if is_back {
                points.reverse();
            }
            Route { points, is_back }
        })
        .collect::<Vec<Route>>();
    let is_bent = routes.iter().any(|route: &Route| route.points.len() == 3);
    let width = (x - COLUMN_GAP).max(0.0) + if is_bent { COLUMN_GAP * 0.6 } else { 0.0 };
    let height = nodes.iter().map(|node| node.y + node.size.height + node.below).fold(0.0, f64::max) + 12.0;
    Layout { boxes, routes, width, height }
}

/// Out of the right side and back into the right side of another box of the column.
fn same_column(boxes: &[Placed], from: usize, to: usize) -> Route {
    let (Some(a), Some(b)) = (boxes.get(from), boxes.get(to)) else { return Route::default() };
    // Below the ports in use: the box was made taller for it.
    let port = |place: &Placed| place.y + place.height - 12.0;
    let far = a.x.max(b.x) + a.width.max(b.width) + COLUMN_GAP * 0.55;
    let (start, end) = ((a.x + a.width, port(a)), (b.x + b.width, port(b)));
    Route { points: vec![start, (far, (start.1 + end.1) / 2.0), end], is_back: false }
}

/// A hook below the box: out of its lower edge and back into it.
fn self_loop(boxes: &[Placed], node: usize, loops_at: &mut [usize]) -> Route {
    let placed = boxes.get(node).copied().unwrap_or_default();
    let nth = loops_at.get_mut(node).map_or(0, |many| {
        *many += 1;
        *many
    });
    let y = placed.y + placed.height + nth as f64 * PORT_GAP - 6.0;
    let inset = 14.0 + nth as f64 * 7.0;
    Route {
        points: vec![
            (placed.x + inset, placed.y + placed.height),
            (placed.x + inset, y),
            (placed.x + placed.width - inset, y),
            (placed.x + placed.width - inset, placed.y + placed.height),
        ],
        is_back: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize, edges: &[(usize, usize)]) -> Layout {
        let sizes = vec![Size { width: 150.0, height: 40.0 }; count];
        let laid = layout(&sizes, edges, edges.len());
        for (at, a) in laid.boxes.iter().enumerate() {
            for b in laid.boxes.iter().skip(at + 1) {
                let apart = a.x + a.width <= b.x
                    || b.x + b.width <= a.x
                    || a.y + a.height <= b.y + 0.01
                    || b.y + b.height <= a.y + 0.01;
                assert!(apart, "{a:?} {b:?}");
            }
        }
        laid
    }

    #[test]
    fn no_two_boxes_overlap() {
        check(0, &[]);
        check(1, &[(0, 0)]);
        check(3, &[(0, 1), (1, 2), (2, 0)]);
        let many: Vec<(usize, usize)> = (0..60).map(|at| (at * 7 % 25, at * 11 % 25)).collect();
        let laid = check(25, &many);
        assert_eq!(laid, check(25, &many));
    }

    #[test]
    fn an_arrow_against_the_columns_ends_where_it_points() {
        let laid = check(2, &[(0, 1), (1, 0)]);
        let back = &laid.routes[1];
        assert!(back.is_back);
        assert!(back.points.first().unwrap().0 > back.points.last().unwrap().0);
    }

    #[test]
    fn what_does_not_belong_moves_no_column() {
        let sizes = vec![Size { width: 150.0, height: 40.0 }; 4];
        let laid = layout(&sizes, &[(0, 1), (1, 0), (2, 0), (1, 3)], 1);
        let x: Vec<f64> = laid.boxes.iter().map(|place| place.x).collect();
        assert!(x[2] < x[0] && x[0] < x[1] && x[1] < x[3], "{x:?}");
        assert!(laid.routes[1].is_back);
    }

    #[test]
    fn arrows_of_one_pair_lie_apart() {
        let laid = check(2, &[(0, 1), (0, 1), (0, 1)]);
        let starts: Vec<f64> = laid.routes.iter().map(|route| route.points[0].1).collect();
        assert!(starts.windows(2).all(|pair| (pair[1] - pair[0]).abs() >= PORT_GAP));
    }
}
