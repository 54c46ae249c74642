package io.github.wandacuda.pruning.fit;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.RowFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.pruning.mask.PackedMasks;
import io.github.wandacuda.scalar.CpuTensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * Some of a layer's rows where the backend works on them: weights w, their mask, and x, what they
 * are to become. One object is turned to one tile after the other; what it has computed of a tile
 * is lost then, except on a device that holds the whole layer.
 */
public final class RowTile implements AutoCloseable {
  private final LayerRows layer;
  private final SquareGram gram;
  private final RowFitting fitting;
  private final List<Tensor> tensors;
  private final float[] host;
  private final boolean[][] bits;
  private int first;
  private int count;
  private Tensor w;
  private Tensor kept;
  private Tensor x;
  private Tensor start;
  private Tensor g;
  private Tensor p;
  private Tensor products;

  /** Whether p is w - x. */
  private boolean subtracted;

  /** Whether products are p times G. */
  private boolean multiplied;

  /** Makes room for the rows of a tile. */
  RowTile(LayerRows layer) {
    this.layer = layer;
    gram = layer.gram;
    fitting = gram.fitting();
    bits = new boolean[gram.workers.count()][gram.columns()];
    tensors = gram.tensors(layer.tileRows, layer.onDevice() ? 4 : 7);
    boolean here = tensors.getFirst() instanceof CpuTensor;
    host = new float[here ? 0 : Math.multiplyExact(layer.tileRows, gram.columns())];
  }

  /** Returns where the rows begin in the layer. */
  public int first() {
    return first;
  }

  /** Returns how many rows the tile has. */
  public int rows() {
    return count;
  }

  /**
   * Turns to other rows. Where the layer isn't on the device as a whole, their weights and their
   * mask are brought.
   *
   * @param from the first of them in the layer
   * @param rows how many
   */
  void turnTo(int from, int rows) {
    first = from;
    count = rows;
    start = tensors.get(0).rows(0, rows);
    g = tensors.get(1).rows(0, rows);
    p = tensors.get(2).rows(0, rows);
    products = tensors.get(3).rows(0, rows);
    subtracted = false;
    multiplied = false;
    if (layer.onDevice()) {
      w = layer.whole.get(0).rows(from, rows);
      kept = layer.whole.get(1).rows(from, rows);
      x = layer.whole.get(2).rows(from, rows);
    } else {
      w = tensors.get(4).rows(0, rows);
      kept = tensors.get(5).rows(0, rows);
      x = tensors.get(6).rows(0, rows);
      loadWeights();
      loadMask();
    }
  }

  /** Brings the rows' weights. */
  void loadWeights() {
    load(layer.weights, w);
  }

  /** Brings the mask, if there is one. */
  public void loadMask() {
    if (layer.mask != null) {
      fill(
          kept,
          (worker, row, marks, at) -> {
            PackedMasks.read(layer.mask, first + row, bits[worker]);
            for (int k = 0; k < gram.columns(); k++) {
              marks[at + k] = bits[worker][k] ? 1 : 0;
            }
          });
    }
  }

  /** Brings the rows of the layer's result, as x. */
  public void loadResult() {
    load(layer.result, x);
  }

  private void load(WeightMatrix matrix, Tensor to) {
    fill(to, (worker, row, rows, at) -> matrix.read(first + row, 0, gram.columns(), rows, at));
  }

  /** Moves the elements of a row between an array and another place. */
  private interface RowBody {
    void take(int worker, int row, float[] rows, int at);
  }

  /** Fills a tensor's rows: in its own array, or in one that is uploaded then. */
  private void fill(Tensor to, RowBody body) {
    forRows(to, body);
    if (!(to instanceof CpuTensor)) {
      gram.upload(host, to);
    }
  }

  /** Reads a tensor's rows: in its own array, or in one that was downloaded. */
  private void drain(Tensor from, RowBody body) {
    if (!(from instanceof CpuTensor)) {
      gram.download(from, host);
    }
    forRows(from, body);
  }

  private void forRows(Tensor of, RowBody body) {
    float[] rows = of instanceof CpuTensor own ? own.data() : host;
    int start0 = of instanceof CpuTensor own ? own.at(0) : 0;
    gram.workers.run(
        count, (worker, row) -> body.take(worker, row, rows, start0 + row * gram.columns()));
  }

  /** Starts with x as it is, but makes 0 what is pruned. */
  public void start() {
    if (layer.mask != null) {
      fitting.part(x, kept, true, x);
    }
    subtracted = false;
    multiplied = false;
  }

  /** Starts with the layer's result as x; it is brought from host memory where it isn't here. */
  public void resume() {
    enter();
    start();
  }

  private void enter() {
    if (!layer.onDevice()) {
      loadResult();
    }
  }

  private void leave() {
    if (!layer.onDevice()) {
      storeResult();
    }
  }

  /** Starts with the kept weights as they are, as x. */
  public void startMasked() {
    fitting.part(w, kept, true, x);
    fitting.part(w, kept, false, p);
    subtracted = true;
    multiplied = false;
  }

  /** Returns a sum plus {@code w G w} of each row, added row by row. */
  public double withOutput(double sum) {
    gram.multiply(w, products);
    multiplied = false;
    return Arrays.stream(fitting.dots(w, products)).reduce(sum, Double::sum);
  }

  /** Returns a sum plus {@code (w - x) G (w - x)} of each row, added row by row. */
  public double withError(double sum) {
    multiply();
    return Arrays.stream(fitting.dots(p, products)).reduce(sum, Double::sum);
  }

  /** Computes {@code p = w - x} and its products with G, unless they are there. */
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

  /**
   * Improves the mask by {@link MaskSwaps}, and starts with the weights that it keeps.
   *
   * @param groupSize columns of a group in which swaps must stay, if there are groups
   * @param budget swaps of a row at most; nothing to go on until none gains
   */
  public void swap(OptionalInt groupSize, OptionalInt budget) {
    int most = Math.min(gram.columns(), budget.orElse(gram.columns()));
    multiply();
    fitting.swap(w, products, groupSize, most, kept);
    startMasked();
  }

  /**
   * Changes what is kept of x by {@link Reconstruction}, after one of the starts.
   *
   * @param steps how many are taken
   */
  public void reconstruct(int steps) {
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

  /**
   * Takes a step of {@link Alps}: x is its T of the step before.
   *
   * @param inverse M
   * @param unit by what weights are multiplied meanwhile
   * @param fall U as a part of T; 0 in the first step, which begins with the weights
   * @param factor of the products with M
   */
  public void alternate(SquareGram inverse, double unit, float fall, float factor) {
    Tensor scaled = start;
    fitting.scale(w, unit, scaled);
    if (fall == 0) {
      fitting.scale(w, unit, x);
    } else {
      enter();
    }
    fitting.admmInput(scaled, kept, x, fall, p);
    inverse.multiply(p, products);
    fitting.admmUpdate(scaled, kept, products, fall, factor, x);
    leave();
  }

  /**
   * Ends {@link Alps}: x becomes weights again.
   *
   * @param unit as in {@link #alternate}
   */
  public void unscale(double unit) {
    enter();
    fitting.unscale(w, unit, x);
    leave();
  }

  /** Writes the rows' mask to host memory. */
  public void storeMask() {
    drain(
        kept,
        (worker, row, marks, at) -> {
          for (int k = 0; k < gram.columns(); k++) {
            bits[worker][k] = marks[at + k] != 0;
          }
          PackedMasks.write(bits[worker], layer.mask, first + row);
        });
  }

  /** Writes x to the rows of the layer's result in host memory. */
  public void storeResult() {
    drain(
        x,
        (worker, row, rows, at) -> {
          long to = layer.result.byteOffset(first + row, 0);
          MemorySegment.copy(rows, at, layer.result.data(), FLOAT, to, gram.columns());
        });
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }
}
