//! The little linear algebra that is needed: symmetric matrices of up to a few hundred rows, by row.

use serde::{Deserialize, Serialize};

/// A square or rectangular matrix by row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Matrix {
    pub(super) columns: usize,
    pub(super) cells: Vec<f64>,
}

impl Matrix {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { columns, cells: vec![0.0; rows * columns] }
    }

    pub(super) fn rows(&self) -> usize {
        self.cells.len() / self.columns.max(1)
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.cells[i * self.columns..(i + 1) * self.columns]
    }

    pub(super) fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.cells[i * self.columns..(i + 1) * self.columns]
    }

    /// Adds `a` times `b` transposed.
    pub(super) fn add_outer(&mut self, a: &[f64], b: &[f64]) {
        for (i, a) in a.iter().enumerate() {
            if *a != 0.0 {
                self.row_mut(i).iter_mut().zip(b).for_each(|(cell, b)| *cell += a * b);
            }
        }
    }

    pub(super) fn times(&mut self, factor: f64) {
        self.cells.iter_mut().for_each(|cell| *cell *= factor);
    }

    /// Changes what the columns stand for: each value `x` of column `c` becomes `x * scale[c] + constant * shift[c]`,
    /// where column `constant` holds ones.
    pub(super) fn reframe_columns(&mut self, scale: &[f64], shift: &[f64], ones: &[f64]) {
        let columns = self.columns;
        for (row, one) in self.cells.chunks_mut(columns).zip(ones) {
            for (c, cell) in row.iter_mut().enumerate() {
                *cell = *cell * scale[c] + one * shift[c];
            }
        }
    }

    pub(super) fn transposed(&self) -> Self {
        let mut other = Self::new(self.columns, self.rows());
        for i in 0..self.rows() {
            for (j, cell) in self.row(i).iter().enumerate() {
                other.cells[j * other.columns + i] = *cell;
            }
        }
        other
    }
}

/// Solves `a x = b` for a symmetric positive definite `a` (Cholesky); none when it is not.
pub(super) fn solve(a: &Matrix, b: &Matrix) -> Option<Matrix> {
    let n = a.columns;
    let mut l = a.clone();
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l.cells[i * n + k] * l.cells[j * n + k]).sum();
            let rest = l.cells[i * n + j] - dot;
            if i == j {
                if !(rest > 0.0 && rest.is_finite()) {
                    return None;
                }
                l.cells[i * n + i] = rest.sqrt();
            } else {
                l.cells[i * n + j] = rest / l.cells[j * n + j];
            }
        }
    }
    let mut x = b.clone();
    let columns = x.columns;
    let subtract = |x: &mut Matrix, into: usize, from: usize, factor: f64| {
        for c in 0..columns {
            x.cells[into * columns + c] -= factor * x.cells[from * columns + c];
        }
    };
    for i in 0..n {
        for k in 0..i {
            subtract(&mut x, i, k, l.cells[i * n + k]);
        }
        x.row_mut(i).iter_mut().for_each(|cell| *cell /= l.cells[i * n + i]);
    }
    for i in (0..n).rev() {
        for k in i + 1..n {
            subtract(&mut x, i, k, l.cells[k * n + i]);
        }
        x.row_mut(i).iter_mut().for_each(|cell| *cell /= l.cells[i * n + i]);
    }
    x.cells.iter().all(|cell| cell.is_finite()).then_some(x)
}

/// The eigenvectors of the `count` largest eigenvalues of a symmetric matrix, one a row (cyclic Jacobi).
pub(super) fn principal(a: &Matrix, count: usize) -> Matrix {
    const SWEEPS: usize = 30;
    let n = a.columns;
    let mut a = a.clone();
    let mut vectors = Matrix::new(n, n);
    (0..n).for_each(|i| vectors.cells[i * n + i] = 1.0);
    for _ in 0..SWEEPS {
        let square = |i: usize, j: usize| a.cells[i * n + j] * a.cells[i * n + j];
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| square(i, j)).sum();
        let on: f64 = (0..n).map(|i| square(i, i)).sum();
        if off <= 1e-18 * on || !off.is_finite() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a.cells[j * n + j].total_cmp(&a.cells[i * n + i]));
    let mut first = Matrix::new(count.min(n), n);
    for (row, i) in order.into_iter().take(count).enumerate() {
        first.row_mut(row).copy_from_slice(vectors.row(i));
    }
    first
}

/// Makes one cell off the diagonal zero; `vectors` holds the eigenvectors as rows.
fn rotate(a: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    let n = a.columns;
    let apq = a.cells[p * n + q];
    if apq.abs() < 1e-300 {
        return;
    }
    let theta = (a.cells[q * n + q] - a.cells[p * n + p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a.cells[k * n + p], a.cells[k * n + q]);
        a.cells[k * n + p] = c * x - s * y;
        a.cells[k * n + q] = s * x + c * y;
    }
    for matrix in [a, vectors] {
        for k in 0..n {
            let (x, y) = (matrix.cells[p * n + k], matrix.cells[q * n + k]);
            matrix.cells[p * n + k] = c * x - s * y;
            matrix.cells[q * n + k] = s * x + c * y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        Matrix { columns: rows[0].len(), cells: rows.concat() }
    }

    #[test]
    fn a_system_of_equations_is_solved() {
        let a = matrix(&[&[4.0, 2.0], &[2.0, 3.0]]);
        let x = solve(&a, &matrix(&[&[10.0], &[8.0]])).unwrap();
        assert!((x.cells[0] - 1.75).abs() < 1e-12 && (x.cells[1] - 1.5).abs() < 1e-12);
        assert_eq!(solve(&matrix(&[&[0.0]]), &matrix(&[&[1.0]])), None);
    }

    #[test]
    fn the_principal_direction_is_found() {
        let first = principal(&matrix(&[&[2.0, 1.0, 0.0], &[1.0, 2.0, 0.0], &[0.0, 0.0, 0.5]]), 1);
        let expect = std::f64::consts::FRAC_1_SQRT_2;
        assert!((first.cells[0].abs() - expect).abs() < 1e-9 && (first.cells[1].abs() - expect).abs() < 1e-9);
        assert!(first.cells[2].abs() < 1e-9);
    }
}
