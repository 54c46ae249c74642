package io.github.wandacuda.backend.check;

import io.github.wandacuda.DType;
import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One of the two backends that are compared, with inputs that follow from one seed: both sides see
 * the same numbers.
 */
final class CheckSide implements AutoCloseable {
  /** Rows of most inputs: one more than a warp, and odd. */
  static final int TOKENS = 33;

  /** Columns of most inputs: no multiple of a vector or a warp. */
  static final int WIDTH = 70;

  final Backend backend;
  final Operations operations;
  final Selector selector;
  final SplittableRandom random = new SplittableRandom(1);
  final Arena arena = Arena.ofShared();
  private final List<Runnable> closing = new ArrayList<>();

  CheckSide(Backend backend) {
    this.backend = backend;
    operations = backend.operations();
    selector = backend.selector();
  }

  /** Returns so many numbers of a normal distribution with deviation 1. */
  float[] values(int count) {
    return values(count, 1);
  }

  float[] values(int count, float deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = deviation * (float) random.nextGaussian();
    }
    return values;
  }

  /** Returns a tensor of the given values, which is closed with this. */
  Tensor tensor(int rows, int columns, float... values) {
    Tensor tensor = operations.tensor(rows, columns);
    closing.add(tensor::close);
    operations.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  Tensor tensor(int rows, int columns) {
    return tensor(rows, columns, values(rows * columns));
  }

  /** Returns a matrix in which every third weight is 0 and many are equal. */
  WeightMatrix matrix(DType dtype, int rows, int columns) {
    WeightMatrix matrix = NativeMemory.matrix(arena, dtype, rows, columns);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        int tenths = random.nextInt(3) == 0 ? 0 : random.nextInt(-40, 41);
        matrix.set(row, column, tenths / 10f);
      }
    }
    return matrix;
  }

  /** Returns the weights of such a matrix, dense or packed, which are closed with this. */
  Weight weight(DType dtype, int rows, int columns, boolean packed) {
    WeightMatrix matrix = matrix(dtype, rows, columns);
    Weight weight =
        packed
            ? operations.sparseWeight(SparseMatrix.pack(matrix, arena))
            : operations.weight(matrix);
    closing.add(weight::close);
    return weight;
  }

  /** Returns codes as weights, which are closed with this. */
  Weight weight(QuantizedMatrix codes) {
    Weight weight = operations.weight(codes);
    closing.add(weight::close);
    return weight;
  }

  /** Returns codes that are finite, with scales from one on for blocks of 3 x 17. */
  QuantizedMatrix codes(NumberFormat format, int bits, NumberFormat scale, int one) {
    int groups = Math.ceilDiv(WIDTH, 17);
    byte[] codes = new byte[TOKENS * WIDTH];
    byte[] scales = new byte[TOKENS / 3 * groups * scale.bits() / Byte.SIZE];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (random.nextInt() & 0xbf);
    }
    for (int i = 0; i < scales.length; i++) {
      int code = i * Byte.SIZE % scale.bits() == 0 ? one + random.nextInt(7) : one;
      scales[i] = (byte) (code >> i * Byte.SIZE % scale.bits());
    }
    return new QuantizedMatrix(
        Codes.of(MemorySegment.ofArray(codes), format, bits, TOKENS, WIDTH, WIDTH),
        Scales.of(MemorySegment.ofArray(scales), scale, 3, 17, groups)
            .withFactor(3, scale == NumberFormat.F32));
  }

  /** Prunes half of the codes on the device and on the host, or where there is one alone. */
  void prune(Weight weight, QuantizedMatrix codes) {
    WeightMatrix rows = WeightMatrix.of(new float[TOKENS * WIDTH], TOKENS, WIDTH);
    float[] values = new float[WIDTH];
    for (int row = 0; row < TOKENS; row++) {
      codes.read(row, 0, WIDTH, values, 0);
      for (int column = 0; column < WIDTH; column++) {
        rows.set(row, column, values[column]);
      }
    }
    long maskRow = Selector.maskRowBytes(WIDTH);
    MemorySegment mask = arena.allocate(TOKENS * maskRow);
    SelectionRule half = new LowestPerRow(WIDTH / 2);
    try (SelectionPlan plan = selector.prepare(DType.F32, WIDTH, null, half)) {
      backend
          .resident(weight)
          .ifPresentOrElse(
              codesThere -> plan.select(codesThere, 0, rows, mask),
              () -> plan.select(rows, null, mask));
    }
    for (int row = 0; row < TOKENS; row++) {
      codes.keep(row, mask.asSlice(row * maskRow, maskRow));
    }
  }

  float[] download(Tensor tensor) {
    float[] values = new float[tensor.rows() * tensor.columns()];
    operations.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  @Override
  public void close() {
    closing.forEach(Runnable::run);
    arena.close();
  }
}
