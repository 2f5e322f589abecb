//! One matrix product, without copies of its operands.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, Layout, Result, Shape};

/// A matrix inside a buffer: `rows × cols` values, `row_stride` and `col_stride` apart, from `offset` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub values: &'a CpuStorage,
    pub offset: usize,
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix without gaps.
    pub fn dense(values: &'a CpuStorage, offset: usize, rows: usize, cols: usize) -> Self {
        Self {
            values,
            offset,
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// The same values with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    fn layout(&self) -> Layout {
        Layout::new(
            Shape::from((self.rows, self.cols)),
            vec![self.row_stride, self.col_stride],
            self.offset,
        )
    }

    /// Checked here because the kernel below trusts the layout it is given.
    fn check(&self) -> Result<()> {
        let last = self.offset
            + self.rows.saturating_sub(1) * self.row_stride
            + self.cols.saturating_sub(1) * self.col_stride;
        if last >= self.values.as_slice::<f32>()?.len() {
            candle_core::bail!("matrix {}x{} exceeds its buffer", self.rows, self.cols);
        }
        Ok(())
    }
}

/// Multiplies `a` (m × k) with `b` (k × n); the result is row-major.
pub(super) fn matmul(a: Matrix<'_>, b: Matrix<'_>) -> Result<Vec<f32>> {
    a.check()?;
    b.check()?;
    if a.cols != b.rows {
        candle_core::bail!("cannot multiply {}x{} with {}x{}", a.rows, a.cols, b.rows, b.cols);
    }
    let sizes = (1, a.rows, b.cols, a.cols);
    match a.values.matmul(b.values, sizes, &a.layout(), &b.layout())? {
        CpuStorage::F32(product) => Ok(product),
        other => candle_core::bail!("expected an f32 product, got {:?}", other.dtype()),
    }
}

/// The storage behind a tensor on the processor, with its offset; `read` gets both.
pub(super) fn with_storage<R>(
    x: &candle_core::Tensor,
    read: impl FnOnce(&CpuStorage, usize) -> Result<R>,
) -> Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(values @ CpuStorage::F32(_)) => read(values, layout.start_offset()),
        _ => candle_core::bail!("expected f32 values on the processor"),
    }
}
