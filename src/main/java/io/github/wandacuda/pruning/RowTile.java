package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.RowFitting;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * Some of a layer's rows where the backend works on them: weights w, their mask, and x, what they
 * are to become. So each row goes there once for all that is done with it.
 */
final class RowTile implements AutoCloseable {
  private final SquareGram gram;
  private final RowFitting fitting;
  private final List<Tensor> tensors;
  private final float[] host;
  private final boolean[][] bits;
  private int first;
  private int count;
  private boolean hasMask;
  private Tensor w;
  private Tensor kept;
  private Tensor x;
  private Tensor start;
  private Tensor g;
  private Tensor p;
  private Tensor products;

  /** Whether p is w - x, and whether products are p times G. */
  private boolean subtracted;

  private boolean multiplied;

  /** Makes room for so many rows. */
  RowTile(SquareGram gram, int rows) {
    this.gram = gram;
    fitting = gram.fitting();
    host = new float[Math.multiplyExact(rows, gram.columns())];
    bits = new boolean[gram.workers.count()][gram.columns()];
    tensors = gram.tensors(rows, 7);
  }

  /** Returns where the rows begin in the layer. */
  int first() {
    return first;
  }

  int rows() {
    return count;
  }

  /** Brings rows and their mask, if there is one. */
  void load(WeightMatrix weights, MemorySegment mask, int from, int rows) {
    first = from;
    count = rows;
    w = tensors.get(0).rows(0, rows);
    kept = tensors.get(1).rows(0, rows);
    x = tensors.get(2).rows(0, rows);
    start = tensors.get(3).rows(0, rows);
    g = tensors.get(4).rows(0, rows);
    p = tensors.get(5).rows(0, rows);
    products = tensors.get(6).rows(0, rows);
    put(weights, w);
    hasMask = mask != null;
    if (hasMask) {
      gram.workers.run(
          count,
          (worker, row) -> {
            PackedMasks.read(mask, first + row, bits[worker]);
            for (int k = 0; k < gram.columns(); k++) {
              host[row * gram.columns() + k] = bits[worker][k] ? 1 : 0;
            }
          });
      gram.put(host, kept);
    }
  }

  private void put(WeightMatrix matrix, Tensor to) {
    int columns = gram.columns();
    gram.workers.run(
        count, (worker, row) -> matrix.read(first + row, 0, columns, host, row * columns));
    gram.put(host, to);
  }

  /** Takes rows of a result for x, and 0 for what is pruned of them. */
  void start(WeightMatrix result) {
    put(result, x);
    if (hasMask) {
      fitting.part(x, kept, true, x);
    }
    subtracted = false;
    multiplied = false;
  }

  /** Takes the kept weights as they are for x. */
  void startMasked() {
    fitting.part(w, kept, true, x);
    fitting.part(w, kept, false, p);
    subtracted = true;
    multiplied = false;
  }

  /** Returns a sum with the rows' {@code w G w} added. */
  double withOutput(double sum) {
    gram.multiply(w, products);
    multiplied = false;
    return Arrays.stream(fitting.dots(w, products)).reduce(sum, Double::sum);
  }

  /** Returns a sum with the rows' {@code (w - x) G (w - x)} added. */
  double withError(double sum) {
    multiply();
    return Arrays.stream(fitting.dots(p, products)).reduce(sum, Double::sum);
  }

  private void multiply() {
    if (!subtracted) {
      fitting.difference(w, x, p);
      subtracted = true;
    }
    if (!multiplied) {
      gram.multiply(p, products);
      multiplied = true;
    }
  }

  /** Improves the mask of weights as they are, by {@link MaskSwaps}. */
  void swap(OptionalInt groupSize, OptionalInt budget) {
    int most = Math.min(gram.columns(), budget.orElse(gram.columns()));
    multiply();
    fitting.swap(w, products, groupSize, most, kept);
    startMasked();
  }

  /** Changes what is kept of x by so many steps of {@link Reconstruction}. */
  void reconstruct(int steps) {
    fitting.part(x, kept, true, start);
    multiply();
    Tensor left = products;
    products = g;
    g = left;
    fitting.begin(kept, g, p);
    for (int step = 0; step < steps; step++) {
      gram.multiply(p, products);
      fitting.step(kept, products, x, g, p);
    }
    fitting.end(w, start, g, x);
    subtracted = false;
    multiplied = false;
  }

  /** Writes the rows' mask. */
  void store(MemorySegment mask) {
    gram.get(kept, host);
    gram.workers.run(
        count,
        (worker, row) -> {
          for (int k = 0; k < gram.columns(); k++) {
            bits[worker][k] = host[row * gram.columns() + k] != 0;
          }
          PackedMasks.write(bits[worker], mask, first + row);
        });
  }

  /** Writes x to the rows of a result, which is F32 in dense rows. */
  void store(WeightMatrix result) {
    gram.get(x, host);
    MemorySegment rows = result.rows(first, count).span();
    rows.copyFrom(MemorySegment.ofArray(host).asSlice(0, rows.byteSize()));
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }
}
