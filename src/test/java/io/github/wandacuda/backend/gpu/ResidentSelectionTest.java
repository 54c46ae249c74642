package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cuda.PretendedCuda;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.RandomCodes;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.backend.Gpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A weight of the forward pass that is pruned on the device, beside its rows in host memory. */
@Tag("gpu")
@Tag("pretend")
class ResidentSelectionTest {
  private static final int ROWS = 9;
  private static final int FIRST = 2;
  private static final int SOME = 5;

  private final Samples samples = new Samples(11);

  @ParameterizedTest
  @EnumSource
  void deviceAndHostArePrunedAlike(DType dtype) {
    try (Backend backend = PretendedCuda.open(80)) {
      for (Samples.Layout layout : Samples.Layout.values()) {
        for (int columns : new int[] {1, 7, 8, 33, 70, 128}) {
          check(backend, samples.weight(dtype, ROWS, columns, layout));
        }
      }
    }
  }

  private static void check(Backend backend, WeightMatrix matrix) {
    int columns = matrix.columns();
    long maskBytes = SOME * Selector.maskRowBytes(columns);
    MemorySegment mask = Arena.ofAuto().allocate(maskBytes);
    MemorySegment expectedMask = Arena.ofAuto().allocate(maskBytes);
    MemorySegment memory =
        Arena.ofAuto().allocate((long) SOME * columns * matrix.dtype().bytes(), 64);
    WeightMatrix expected = WeightMatrix.of(memory, matrix.dtype(), SOME, columns);
    try (Weight weight = backend.operations().weight(matrix);
        SelectionPlan plan =
            backend
                .selector()
                .prepare(matrix.dtype(), columns, null, new LowestPerRow(columns / 2))) {
      Selection whole = plan.select(matrix.rows(FIRST, SOME), expected, expectedMask);
      ResidentMatrix resident = backend.resident(weight).orElseThrow();
      WeightMatrix rows = matrix.rows(FIRST, SOME);
      assertThat(plan.select(resident, FIRST, rows, mask)).isEqualTo(whole);
      assertThat(mask.mismatch(expectedMask)).isEqualTo(-1);
      float[] onDevice = values(backend.operations(), weight);
      for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < columns; column++) {
          boolean pruned = row >= FIRST && row < FIRST + SOME;
          float value = pruned ? expected.get(row - FIRST, column) : matrix.get(row, column);
          assertThat(bits(matrix.get(row, column))).isEqualTo(bits(value));
          assertThat(bits(onDevice[column * ROWS + row])).isEqualTo(bits(value));
        }
      }
    }
  }

  /** Codes are pruned by the mask, a view of rows among others, on both kinds of device. */
  @ParameterizedTest
  @EnumSource
  void codesArePrunedOnTheDevice(RandomCodes kind) {
    Random random = new Random(kind.ordinal());
    for (Gpu gpu : Gpu.values()) {
      try (Backend backend = gpu.open()) {
        for (int round = 0; round < 10; round++) {
          checkCodes(backend, kind.random(random));
        }
      }
    }
  }

  private static void checkCodes(Backend backend, QuantizedMatrix codes) {
    int columns = codes.columns();
    int first = codes.rows() / 3;
    int count = codes.rows() - codes.rows() / 2 - first;
    WeightMatrix rows = WeightMatrix.of(values(codes, first, count), count, columns);
    float[] norms = new float[columns];
    Arrays.fill(norms, 0.5f);
    long maskRow = Selector.maskRowBytes(columns);
    MemorySegment mask = Arena.ofAuto().allocate(count * maskRow);
    MemorySegment expectedMask = Arena.ofAuto().allocate(count * maskRow);
    try (Weight weight = backend.operations().weight(codes);
        SelectionPlan plan =
            backend
                .selector()
                .prepare(DType.F32, columns, norms, new LowestPerRow(columns - columns / 3))) {
      ResidentMatrix resident = backend.resident(weight).orElseThrow();
      Selection whole = plan.select(rows, null, expectedMask);
      assertThat(plan.select(resident, first, rows, mask)).isEqualTo(whole);
      assertThat(mask.mismatch(expectedMask)).isEqualTo(-1);
      float[] onDevice = values(backend.operations(), weight);
      for (int row = 0; row < count; row++) {
        codes.keep(first + row, mask.asSlice(row * maskRow, maskRow));
      }
      float[] expected = values(codes, 0, codes.rows());
      for (int row = 0; row < codes.rows(); row++) {
        for (int column = 0; column < columns; column++) {
          float value = expected[row * columns + column];
          boolean pruned = row >= first && row < first + count;
          assertThat(bits(onDevice[column * codes.rows() + row])).isEqualTo(bits(value));
          assertThat(!pruned || bits(rows.get(row - first, column)) == bits(value)).isTrue();
        }
      }
    }
  }

  private static float[] values(QuantizedMatrix codes, int first, int count) {
    float[] values = new float[count * codes.columns()];
    for (int row = 0; row < count; row++) {
      codes.read(first + row, 0, codes.columns(), values, row * codes.columns());
    }
    return values;
  }

  /** Pieces of rows, of which each has its codes and scales sent. */
  @ParameterizedTest
  @EnumSource
  void codesWithoutRoomComePieceByPiece(RandomCodes kind) {
    Random random = new Random(kind.ordinal());
    for (int round = 0; round < 6; round++) {
      QuantizedMatrix codes = kind.random(random, 61, 33);
      long bytes = DeviceCodes.bytes(DeviceCodes.parts(codes));
      try (Backend backend = PretendedCuda.open(80, Precision.DEFAULT, bytes - 1);
          Weight weight = backend.operations().weight(codes)) {
        assertThat(weight.ownsMemory()).isFalse();
        assertThat(backend.resident(weight)).isEmpty();
        float[] expected = values(codes, 0, 61);
        float[] found = values(backend.operations(), weight);
        for (int i = 0; i < expected.length; i++) {
          assertThat(bits(found[i % 33 * 61 + i / 33])).isEqualTo(bits(expected[i]));
        }
      }
    }
  }

  private static int bits(float value) {
    return Float.floatToRawIntBits(value + 0.0f);
  }

  /** Multiplies by one column after the other: [columns, rows]. */
  private static float[] values(Operations operations, Weight weight) {
    float[] units = new float[weight.columns() * weight.columns()];
    for (int column = 0; column < weight.columns(); column++) {
      units[column * weight.columns() + column] = 1;
    }
    try (Tensor x = operations.tensor(weight.columns(), weight.columns());
        Tensor out = operations.tensor(weight.columns(), weight.rows())) {
      operations.upload(MemorySegment.ofArray(units), x);
      operations.linear(x, weight, null, out);
      float[] values = new float[weight.columns() * weight.rows()];
      operations.download(out, MemorySegment.ofArray(values));
      return values;
    }
  }

  @Test
  void aWeightWithoutRoomIsNotResident() {
    try (Backend backend = PretendedCuda.open(80, Precision.DEFAULT, 1 << 16);
        Weight weight =
            backend.operations().weight(samples.weight(DType.F32, 300, 100, Samples.Layout.ROWS))) {
      assertThat(backend.resident(weight)).isEmpty();
    }
  }
}
