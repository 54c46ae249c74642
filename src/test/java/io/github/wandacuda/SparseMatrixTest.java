package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class SparseMatrixTest {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  @ParameterizedTest
  @EnumSource(DType.class)
  void unpackingGivesTheSameBytes(DType dtype) {
    for (int columns : new int[] {0, 1, 7, 8, 9, 31, 64, 100}) {
      WeightMatrix dense = random(dtype, 13, columns, 0.5);
      SparseMatrix packed = SparseMatrix.pack(dense);
      assertThat(dense.data().mismatch(unpacked(packed).data())).isEqualTo(-1);
      assertThat(ofParts(packed).stored()).isEqualTo(packed.stored());
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void onlyPlusZeroIsLeftOut(DType dtype) {
    WeightMatrix dense = WeightMatrix.of(MemorySegment.ofArray(new byte[5 * 4]), dtype, 1, 5);
    int sign = 1 << (dtype.bytes() * 8 - 1);
    set(dense, 0, 1, sign);
    set(dense, 0, 3, -1);
    SparseMatrix packed = SparseMatrix.pack(dense);
    assertThat(packed.stored()).isEqualTo(2);
    assertThat(packed.bitmask().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 0b01010);
    assertThat(dense.data().asSlice(0, dense.span().byteSize()).mismatch(unpacked(packed).data()))
        .isEqualTo(-1);
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void aTransposedMatrixIsPackedByItsOwnRows(DType dtype) {
    WeightMatrix stored = random(dtype, 9, 21, 0.5);
    WeightMatrix back = unpacked(SparseMatrix.pack(stored.transposed()));
    for (int row = 0; row < 21; row++) {
      for (int column = 0; column < 9; column++) {
        assertThat(Float.floatToRawIntBits(back.get(row, column)))
            .isEqualTo(Float.floatToRawIntBits(stored.get(column, row)));
      }
    }
    WeightMatrix turned = random(dtype, 9, 21, 0);
    SparseMatrix.pack(stored.transposed()).unpack(turned.transposed());
    assertThat(turned.data().mismatch(stored.data())).isEqualTo(-1);
  }

  @Test
  void rowsAreUnpackedAlone() {
    WeightMatrix dense = random(DType.BF16, 10, 33, 0.5);
    WeightMatrix some = random(DType.BF16, 3, 33, 0);
    SparseMatrix.pack(dense).unpack(4, some);
    assertThat(some.data().mismatch(dense.rows(4, 3).span())).isEqualTo(-1);
  }

  record Damage(String what, MemorySegment values, MemorySegment bits, MemorySegment offsets) {}

  static Stream<Damage> damages() {
    SparseMatrix whole = SparseMatrix.pack(random(DType.BF16, 4, 20, 0.5));
    MemorySegment values = copy(whole.values());
    MemorySegment bits = copy(whole.bitmask());
    MemorySegment offsets = copy(whole.rowOffsets());
    MemorySegment late = copy(offsets);
    late.set(LONG, 0, 1);
    MemorySegment falling = copy(offsets);
    falling.set(LONG, 16, 0);
    MemorySegment far = copy(offsets);
    far.set(LONG, 8, Long.MAX_VALUE);
    MemorySegment negative = copy(offsets);
    negative.set(LONG, 8, -2);
    MemorySegment more = copy(offsets);
    more.set(LONG, 8, more.get(LONG, 8) + 1);
    MemorySegment bit = copy(bits);
    bit.set(ValueLayout.JAVA_BYTE, 4, (byte) (bit.get(ValueLayout.JAVA_BYTE, 4) ^ 1));
    MemorySegment beyond = copy(bits);
    byte last = beyond.get(ValueLayout.JAVA_BYTE, 2);
    int moved = last & (last - 1) & 0xf | 0x80;
    beyond.set(ValueLayout.JAVA_BYTE, 2, (byte) moved);
    return Stream.of(
        new Damage("values: expected a multiple of 2 bytes", values.asSlice(1), bits, offsets),
        new Damage("bits in row 3, which has as many values", values.asSlice(2), bits, offsets),
        new Damage("expected 0 to 20 values in row 3", values.asSlice(0, 2), bits, offsets),
        new Damage("bitmask: expected 12 bytes, found 11", values, bits.asSlice(1), offsets),
        new Damage("row offsets: expected 32 bytes, found 24", values, bits, offsets.asSlice(8)),
        new Damage("row offsets: expected 0 for row 0, found 1", values, bits, late),
        new Damage("row offsets: expected 0 to 20 values in row 1", values, bits, falling),
        new Damage("row offsets: expected 0 to 20 values in row 0", values, bits, far),
        new Damage("row offsets: expected 0 to 20 values in row 0", values, bits, negative),
        new Damage("bits in row 0, which has as many values", values, bits, more),
        new Damage("bits in row 1, which has as many values", values, bit, offsets),
        new Damage("bitmask: expected no bit beyond column 19 in row 0", values, beyond, offsets));
  }

  @ParameterizedTest
  @MethodSource("damages")
  void damagedPartsAreRefused(Damage damage) {
    assertThatThrownBy(
            () ->
                SparseMatrix.of(
                    damage.values(), damage.bits(), damage.offsets(), 4, 20, DType.BF16))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(damage.what());
  }

  @Test
  void noRowsHaveNoValues() {
    MemorySegment none = MemorySegment.ofArray(new byte[0]);
    assertThat(SparseMatrix.of(none, none, none, 0, 20, DType.F16).stored()).isZero();
    MemorySegment one = MemorySegment.ofArray(new byte[2]);
    assertThatThrownBy(() -> SparseMatrix.of(one, none, none, 0, 20, DType.F16))
        .hasMessage("values: expected none of no rows, found 1");
  }

  @Test
  void wrongArgumentsOfAProductAreRefused() {
    SparseMatrix matrix = SparseMatrix.pack(random(DType.F32, 4, 20, 0.5));
    float[] out = new float[40];
    assertThatThrownBy(() -> matrix.multiply(new float[20], 0, out))
        .hasMessage("count: expected 1 to 8 rows, found 0");
    assertThatThrownBy(() -> matrix.multiply(new float[180], 9, out))
        .hasMessage("count: expected 1 to 8 rows, found 9");
    assertThatThrownBy(() -> matrix.multiply(new float[39], 2, out))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> matrix.multiply(new float[20], 1, new float[3]))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> matrix.multiply(new float[20], 0, 1, out, 0, 0, 5))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> matrix.multiply(out, 1, out))
        .hasMessage("out: expected another array than x");
  }

  private static WeightMatrix random(DType dtype, int rows, int columns, double zeros) {
    Random random = new Random(rows * 1000L + columns);
    byte[] bytes = new byte[rows * columns * dtype.bytes()];
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(bytes), dtype, rows, columns);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        if (random.nextDouble() >= zeros) {
          set(matrix, row, column, random.nextInt() | 1);
        }
      }
    }
    return matrix;
  }

  private static void set(WeightMatrix matrix, int row, int column, int bits) {
    long at = matrix.byteOffset(row, column);
    if (matrix.dtype() == DType.F32) {
      matrix.data().set(ValueLayout.JAVA_INT_UNALIGNED, at, bits);
    } else {
      matrix.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) bits);
    }
  }

  private static WeightMatrix unpacked(SparseMatrix matrix) {
    long bytes = (long) matrix.rows() * matrix.columns() * matrix.dtype().bytes();
    MemorySegment data = Arena.ofAuto().allocate(bytes).fill((byte) 7);
    WeightMatrix dense = WeightMatrix.of(data, matrix.dtype(), matrix.rows(), matrix.columns());
    matrix.unpack(dense);
    return dense;
  }

  private static SparseMatrix ofParts(SparseMatrix matrix) {
    return SparseMatrix.of(
        matrix.values(),
        matrix.bitmask(),
        matrix.rowOffsets(),
        matrix.rows(),
        matrix.columns(),
        matrix.dtype());
  }

  private static MemorySegment copy(MemorySegment segment) {
    return MemorySegment.ofArray(segment.toArray(ValueLayout.JAVA_BYTE));
  }
}
