package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.GpuForwardKernels.Launch;
import io.github.wandacuda.backend.gpu.GpuForwardKernels.Shape;
import io.github.wandacuda.forward.LayerFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * Fits layers' rows in a device's memory, with the kernels of {@code row_fit}, {@code row_swaps},
 * {@code row_admm} and {@code sparse_gpt}.
 */
final class GpuRowFitting implements LayerFitting {
  private static final String FIT = "row_fit";
  private static final String ADMM = "row_admm";
  private static final String SPARSE_GPT = "sparse_gpt";

  /** Magnitudes of a layer are counted as rows of so many elements, whatever its shape. */
  private static final int COUNTED = 4096;

  private final DeviceQueue queue;
  private final DeviceRows gram;

  /**
   * Three rows of numbers for the columns: reciprocals of their second moments and their reaches in
   * float64, then the second moments in float32.
   */
  private final DeviceBuffer moments;

  /** float64 [2, rows]: the rows' errors before the fit, then the squares that its steps keep. */
  private final GrowingBuffer sums;

  /** Three float64 numbers for each element, then the float32 mask before the swaps. */
  private final GrowingBuffer scratch;

  /**
   * Computes the reciprocals and reaches of columns.
   *
   * @param queue where all work is queued
   * @param gram [columns, columns], the second moments of the layer's inputs; stays the caller's
   */
  GpuRowFitting(GpuDevice device, DeviceQueue queue, DeviceRows gram) {
    this.queue = queue;
    this.gram = gram;
    sums = new GrowingBuffer(device, queue);
    scratch = new GrowingBuffer(device, queue);
    moments = device.memory().allocate(gram.columns() * (2L * Double.BYTES + Float.BYTES));
    OnFailure.run(
        moments::close,
        () ->
            queue
                .forward()
                .launch(
                    Launch.of(
                        FIT,
                        "row_moments",
                        Shape.LANES,
                        gram,
                        gram.data(),
                        gram.stride(),
                        diagonal(),
                        moments.at(0),
                        reach())));
  }

  private DevicePointer reach() {
    return moments.at((long) gram.columns() * Double.BYTES);
  }

  private DevicePointer diagonal() {
    return moments.at(2L * gram.columns() * Double.BYTES);
  }

  /**
   * Queues a kernel over a tensor; the tensors among its arguments are passed as their addresses.
   */
  private void launch(String file, String kernel, Shape shape, Tensor over, Object... arguments) {
    Object[] places =
        Stream.of(arguments).map(of -> of instanceof Tensor it ? data(it) : of).toArray();
    queue.forward().launch(Launch.of(file, kernel, shape, matrix(over), places));
  }

  private static DeviceRows matrix(Tensor tensor) {
    return ((GpuTensor) tensor).matrix();
  }

  private static DevicePointer data(Tensor tensor) {
    return matrix(tensor).data();
  }

  private DevicePointer errors(Tensor rows) {
    return sums.atLeast(2L * rows.rows() * Double.BYTES);
  }

  private DevicePointer squares(Tensor rows) {
    return errors(rows).plus((long) rows.rows() * Double.BYTES);
  }

  @Override
  public void difference(Tensor x, Tensor y, Tensor out) {
    launch(FIT, "row_difference", Shape.ELEMENTS, out, x, y, out);
  }

  @Override
  public void part(Tensor w, Tensor kept, boolean ofKept, Tensor out) {
    launch(FIT, "row_part", Shape.ELEMENTS, out, w, kept, ofKept ? 1f : 0f, out);
  }

  @Override
  public double[] dots(Tensor x, Tensor y) {
    double[] dots = new double[x.rows()];
    launch(FIT, "row_dots", Shape.LANES, x, x, y, errors(x));
    queue.fetch(errors(x), MemorySegment.ofArray(dots));
    return dots;
  }

  @Override
  public void swap(Tensor w, Tensor products, OptionalInt groupSize, int most, Tensor kept) {
    long elements = (long) w.rows() * w.columns();
    DevicePointer numbers = scratch.atLeast(elements * (3 * Double.BYTES + Float.BYTES));
    launch(
        "row_swaps",
        groupSize.isPresent() ? "row_group_swaps" : "row_swaps",
        Shape.BLOCKS,
        w,
        w,
        products,
        kept,
        gram.data(),
        gram.stride(),
        diagonal(),
        reach(),
        numbers,
        numbers.plus(elements * 3 * Double.BYTES),
        most,
        groupSize.orElse(1));
  }

  @Override
  public void begin(Tensor kept, Tensor g, Tensor p) {
    DevicePointer scales = moments.at(0);
    DevicePointer errors = errors(kept);
    launch(FIT, "row_begin", Shape.LANES, kept, kept, g, p, scales, errors, squares(kept));
  }

  @Override
  public void step(Tensor kept, Tensor products, Tensor x, Tensor g, Tensor p) {
    DevicePointer scales = moments.at(0);
    launch(FIT, "row_step", Shape.LANES, kept, kept, products, x, g, p, scales, squares(kept));
  }

  @Override
  public void end(Tensor w, Tensor start, Tensor g, Tensor x) {
    DevicePointer all = gram.data();
    launch(FIT, "row_end", Shape.LANES, x, w, start, g, all, gram.stride(), errors(x), x);
  }

  @Override
  public void scale(Tensor w, double unit, Tensor out) {
    launch(ADMM, "row_scale", Shape.COLUMNS, w, w, diagonal(), unit, out);
  }

  @Override
  public void unscale(Tensor w, double unit, Tensor x) {
    launch(ADMM, "row_unscale", Shape.COLUMNS, w, w, diagonal(), unit, x);
  }

  @Override
  public void admmInput(Tensor w, Tensor kept, Tensor t, float fall, Tensor out) {
    launch(ADMM, "row_admm_input", Shape.ELEMENTS, out, w, kept, t, fall, out);
  }

  @Override
  public void admmUpdate(
      Tensor w, Tensor kept, Tensor products, float fall, float factor, Tensor t) {
    launch(ADMM, "row_admm_update", Shape.ELEMENTS, t, w, kept, products, fall, factor, t);
  }

  @Override
  public void countMagnitudes(Tensor x, OptionalInt upper, long[] counts) {
    long elements = (long) x.rows() * x.columns();
    int rows = Math.toIntExact(elements / COUNTED);
    int rest = (int) (elements % COUNTED);
    int[] found = new int[counts.length];
    long bytes = (long) found.length * Integer.BYTES;
    DevicePointer at = scratch.atLeast(bytes);
    DeviceRows all = new DeviceRows(data(x), DType.F32, rows, COUNTED, COUNTED);
    queue.clear(at, bytes);
    if (rows > 0) {
      queue.pruning().count(all, upper, at);
    }
    if (rest > 0) {
      DevicePointer end = all.data().plus((elements - rest) * Float.BYTES);
      queue.pruning().count(new DeviceRows(end, DType.F32, 1, rest, COUNTED), upper, at);
    }
    queue.fetch(at, MemorySegment.ofArray(found));
    Arrays.setAll(counts, bin -> counts[bin] + Integer.toUnsignedLong(found[bin]));
  }

  @Override
  public void keepAbove(Tensor x, float threshold, Tensor kept) {
    launch(ADMM, "row_keep", Shape.ELEMENTS, kept, x, threshold, kept);
  }

  @Override
  public void keepHighest(Tensor x, int pruned, int size, Tensor kept) {
    launch(ADMM, "row_group_keep", Shape.COLUMNS, kept, x, pruned, size, kept);
  }

  @Override
  public void sparseGptScores(Tensor w, int first, Tensor block, Tensor out) {
    DevicePointer rows = from(w, first);
    long stride = w.columns();
    int upper = block.columns();
    launch(SPARSE_GPT, "sparse_gpt_scores", Shape.COLUMNS, out, rows, stride, block, upper, out);
  }

  private static DevicePointer from(Tensor rows, int column) {
    return data(rows).plus((long) column * Float.BYTES);
  }

  @Override
  public void sparseGpt(
      Tensor w,
      int first,
      Tensor block,
      int threshold,
      int pruned,
      int size,
      Tensor changes,
      Tensor kept) {
    launch(
        SPARSE_GPT,
        "sparse_gpt_prune",
        Shape.BLOCKS,
        changes,
        from(w, first),
        from(kept, first),
        (long) w.columns(),
        block,
        block.columns(),
        threshold,
        pruned,
        size,
        changes);
  }

  @Override
  public void addColumns(Tensor terms, Tensor w, int first) {
    long stride = w.columns();
    launch(SPARSE_GPT, "sparse_gpt_add", Shape.COLUMNS, terms, terms, from(w, first), stride);
  }

  @Override
  public void close() {
    queue.settle();
    moments.close();
    sums.close();
    scratch.close();
  }
}
