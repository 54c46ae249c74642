package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * An operation's operands in a backend's memory. Tensors lie among NaN: an element that a kernel
 * reads without having to spoils its result, one that it writes is found.
 */
final class Operands implements AutoCloseable {
  /** Floats before and after a tensor's elements: 256 bytes, more than any kernel takes at once. */
  private static final int MARGIN = 64;

  private static final int NAN = -1;

  private final Operations operations;
  private final List<Placed> placed = new ArrayList<>();
  private final List<Weight> weights = new ArrayList<>();

  private record Placed(Tensor whole, int from, int elements) {}

  Operands(Operations operations) {
    this.operations = operations;
  }

  Operations operations() {
    return operations;
  }

  Tensor in(CpuTensor values) {
    return in(values, 0);
  }

  /** Returns a copy that starts so many floats after a multiple of 256 bytes. */
  Tensor in(CpuTensor values, int offset) {
    int elements = values.elements();
    int from = MARGIN + offset;
    float[] all = new float[from + elements + MARGIN];
    Arrays.fill(all, Float.intBitsToFloat(NAN));
    System.arraycopy(values.data(), values.at(0), all, from, elements);
    Tensor whole = operations.tensor(all.length, 1);
    placed.add(new Placed(whole, from, elements));
    operations.upload(MemorySegment.ofArray(all), whole);
    return whole.rows(from, elements).reshaped(values.rows(), values.columns());
  }

  Tensor out(int rows, int columns) {
    return out(rows, columns, 0);
  }

  /** Returns a tensor of NaN. */
  Tensor out(int rows, int columns, int offset) {
    CpuTensor values = CpuTensor.zeros(rows, columns);
    Arrays.fill(values.data(), Float.intBitsToFloat(NAN));
    return in(values, offset);
  }

  Weight weight(WeightMatrix matrix) {
    Weight weight = operations.weight(matrix);
    weights.add(weight);
    return weight;
  }

  /** Returns a weight for a few rows; the matrix is spoiled where it is no longer read. */
  Weight resident(WeightMatrix matrix) {
    MemorySegment copy = Arena.ofAuto().allocate(matrix.data().byteSize());
    copy.copyFrom(matrix.data());
    Weight weight =
        operations.residentWeight(
            new WeightMatrix(
                copy,
                matrix.dtype(),
                matrix.rows(),
                matrix.columns(),
                matrix.rowStride(),
                matrix.columnStride()));
    weights.add(weight);
    if (weight.ownsMemory()) {
      copy.fill((byte) NAN);
    }
    return weight;
  }

  /** Returns a packed weight; it is spoiled where it is no longer read. */
  Weight sparse(WeightMatrix matrix) {
    SparseMatrix packed = SparseMatrix.pack(matrix);
    MemorySegment values = copy(packed.values());
    MemorySegment bits = copy(packed.bitmask());
    MemorySegment offsets = copy(packed.rowOffsets());
    Weight weight =
        operations.sparseWeight(
            SparseMatrix.of(
                values, bits, offsets, packed.rows(), packed.columns(), packed.dtype()));
    weights.add(weight);
    if (weight.ownsMemory()) {
      values.fill((byte) NAN);
      bits.fill((byte) NAN);
      offsets.fill((byte) NAN);
    }
    return weight;
  }

  private static MemorySegment copy(MemorySegment memory) {
    return Arena.ofAuto().allocate(memory.byteSize(), Long.BYTES).copyFrom(memory);
  }

  /** Returns a tensor's elements. */
  CpuTensor values(Tensor tensor) {
    CpuTensor values = CpuTensor.zeros(tensor.rows(), tensor.columns());
    operations.download(tensor, MemorySegment.ofArray(values.data()));
    return values;
  }

  /** Checks that all around the tensors is as it was. */
  void checkMargins() {
    for (Placed one : placed) {
      CpuTensor all = values(one.whole());
      Arrays.fill(all.data(), one.from(), one.from() + one.elements(), Float.intBitsToFloat(NAN));
      for (int i = 0; i < all.elements(); i++) {
        if (Float.floatToRawIntBits(all.data()[i]) != NAN) {
          assertThat(all.data()[i]).as("float %d around a tensor", i - one.from()).isNaN();
        }
      }
    }
  }

  @Override
  public void close() {
    placed.forEach(one -> one.whole().close());
    weights.forEach(Weight::close);
  }
}
