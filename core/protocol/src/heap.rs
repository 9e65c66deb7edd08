//! The allocator that the brotli crates ask for: plain boxed slices of the global heap.

use alloc::boxed::Box;
use alloc_no_stdlib::{Allocator, SliceWrapper, SliceWrapperMut};

/// Hands out zeroed (defaulted) memory of the global heap.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heap;

/// Memory from [`Heap`].
#[derive(Debug)]
pub struct Cells<T>(Box<[T]>);

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T> SliceWrapper<T> for Cells<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cells<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Clone + Default> Allocator<T> for Heap {
    type AllocatedMemory = Cells<T>;

    fn alloc_cell(&mut self, len: usize) -> Cells<T> {
        Cells(alloc::vec![T::default(); len].into_boxed_slice())
    }

    fn free_cell(&mut self, _cell: Cells<T>) {}
}

#[cfg(feature = "compress")]
impl brotli::enc::BrotliAlloc for Heap {}
