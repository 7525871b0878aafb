//! Walking through a series as the product does: train on what has been, judge what comes.

use super::{Model, Options, TRAINING_SPAN_MS, train};
use super::robust::quantile;

/// How a series is walked through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// How often the model is trained anew, in milliseconds.
    pub retrain_ms: i64,
    /// What it is trained with.
    pub options: Options,
    /// e
    pub e: [f64; 16],
}

struct Tail { m: usize, seen: Vec<(i64, f64)>, u: f64, xi: f64, n: usize }
impl Tail {
    fn fit(&mut self, from: i64, e: &[f64; 16]) {
        let k = self.seen.partition_point(|x| x.0 < from); self.seen.drain(..k);
        let mut v: Vec<f64> = self.seen.iter().map(|x| x.1).collect();
        if v.is_empty() { return }
        self.u = quantile(&mut v, 1.0 - e[1]).max(e[5]);
        let (mut s, mut n) = (0.0, 0.0);
        for &x in &v { if x > self.u { s += (x / self.u).ln(); n += 1.0; } }
        self.xi = (s + e[2] * e[3]) / (n + e[3]);
        self.n = v.len();
    }
    fn score(&self, x: f64, e: &[f64; 16]) -> f64 {
        let u = if self.n == 0 { e[5] } else { self.u };
        if x <= u { return 0.0 }
        ((x / u).ln() / self.xi.max(0.02)) / std::f64::consts::LN_10
    }
}

/// x
pub fn walk(points: &[(i64, f64)], period_ms: i64, how: Walk) -> Vec<f64> {
    let e = how.e;
    let mut model: Option<Model> = None;
    let mut trained = i64::MIN;
    let mut fitted = i64::MIN;
    let mut from = 0;
    let mut peak = 0f64;
    let mut last = None;
    let half_ms = e[0] * 86_400_000.0;
    let scales: &[usize] = match e[4] as i64 { 0 => &[1], 1 => &[1, 12], 2 => &[1, 4, 24], 3 => &[1, 48], 4 => &[3], 5 => &[1, 12, 96], 6 => &[2], 7 => &[1,3], 8 => &[1, 6], _ => &[1, 288] };
    let mut tails: Vec<Tail> = scales.iter().flat_map(|&m| [m, m]).map(|m| Tail { m, seen: vec![], u: 0.0, xi: e[2], n: 0 }).collect();
    let mut zs: Vec<f64> = vec![];
    let mut his: Vec<std::collections::VecDeque<(i64, f64)>> = vec![Default::default(); 5]; let mut los = his.clone();
    points
        .iter()
        .enumerate()
        .map(|(index, &(at, value))| {
            if at.saturating_sub(trained) >= how.retrain_ms {
                while points[from].0 < at - TRAINING_SPAN_MS {
                    from += 1;
                }
                model = Some(train(&points[from..index], period_ms, &[], &|_| 0, how.options));
                trained = at;
            }
            if at.saturating_sub(fitted) >= 3_600_000 * 2 {
                for t in &mut tails { t.fit(at - TRAINING_SPAN_MS, &e); }
                fitted = at;
            }
            let Some((lower, upper)) = model.as_ref().and_then(|m| m.band(at, 1.0)) else { return 0.0 };
            let middle = model.as_ref().unwrap().middle(at);
            let z = if value > middle { (value - middle) / (upper - middle) } else { (value - middle) / (middle - lower).max((upper - middle) * e[7]) };
            zs.push(z);
            let mut s = 0f64;
            for (j, t) in tails.iter_mut().enumerate() {
                let n = t.m.min(zs.len());
                let side = if j % 2 == 0 { 1.0 } else { -1.0 };
                let x = zs[zs.len() - n..].iter().sum::<f64>() / (n as f64).sqrt() * side;
                s = s.max(t.score(x, &e));
                t.seen.push((at, x.max(0.0)));
            }
            let bonus = {
                let m = |n: usize| { let n = n.min(zs.len()); zs[zs.len() - n..].iter().sum::<f64>() / (n as f64).sqrt() };
                let xs = [value, z, m(6), m(24), m(96)];
                let w = [e[8], e[11], e[12], e[13], e[14]];
                let mut b = 0f64; let mut sum = 0.0;
                for (k, x) in xs.into_iter().enumerate() {
                    let (h, l) = (&mut his[k], &mut los[k]);
                    let cut = at - (e[10] * 86_400_000.0) as i64;
                    while h.front().is_some_and(|f: &(i64, f64)| f.0 < cut) { h.pop_front(); }
                    while l.front().is_some_and(|f: &(i64, f64)| f.0 < cut) { l.pop_front(); }
                    if let (Some(&(_, hi)), Some(&(_, lo))) = (h.front(), l.front()) && w[k] > 0.0 {
                        let range = (hi - lo).max(if k == 0 { upper - lower } else { 2.0 });
                        let over = (x - hi).max(lo - x) / range;
                        let zz = if k < 2 { z.abs() } else { x.abs() };
                        if over > 0.0 && zz > e[5] { let g = w[k] * over / (over + e[9]); b = b.max(g); sum += g; }
                    }
                    while h.back().is_some_and(|f| f.1 <= x) { h.pop_back(); } h.push_back((at, x));
                    while l.back().is_some_and(|f| f.1 >= x) { l.pop_back(); } l.push_back((at, x));
                }
                if e[15] > 0.5 { sum } else { b }
            };
            s = s + bonus;
            let past = last.map_or(0, |l| at - l);
            last = Some(at);
            peak *= (-(past as f64) / half_ms).exp2();
            let score = (s - peak * e[6]).max(0.0);
            peak = peak.max(s);
            score
        })
        .collect()
}
