package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.GpuForwardKernels.Shape;
import io.github.wandacuda.forward.LayerFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * The work on rows in a device's memory: {@code row_fit}, {@code row_swaps}, {@code row_admm} and
 * {@code sparse_gpt}.
 */
final class GpuRowFitting implements LayerFitting {
  private static final String FIT = "row_fit";
  private static final String ADMM = "row_admm";
  private static final String SPARSE_GPT = "sparse_gpt";

  /** Elements of a row, as which all of a layer's are counted. */
  private static final int COUNTED = 4096;

  private final DeviceQueue queue;
  private final DeviceRows gram;

  /** Of each column the reciprocal of its second moment, its reach, and the second moment. */
  private final DeviceBuffer moments;

  /** Errors of rows before, then what their steps have. */
  private final GrowingBuffer sums;

  /** Of each element three float64 numbers, then the mask before. */
  private final GrowingBuffer scratch;

  GpuRowFitting(GpuDevice device, DeviceQueue queue, DeviceRows gram) {
    this.queue = queue;
    this.gram = gram;
    sums = new GrowingBuffer(device, queue);
    scratch = new GrowingBuffer(device, queue);
    moments = device.memory().allocate(gram.columns() * (2L * Double.BYTES + Float.BYTES));
    OnFailure.run(
        moments::close,
        () ->
            launch(
                FIT,
                "row_moments",
                Shape.LANES,
                gram,
                gram.data(),
                gram.stride(),
                diagonal(),
                moments.at(0),
                reach()));
  }

  private DevicePointer reach() {
    return moments.at((long) gram.columns() * Double.BYTES);
  }

  private DevicePointer diagonal() {
    return moments.at(2L * gram.columns() * Double.BYTES);
  }

  private void launch(
      String file, String kernel, Shape shape, DeviceRows over, Object... arguments) {
    queue.forward().launch(GpuForwardKernels.Launch.of(file, kernel, shape, over, arguments));
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
    launch(FIT, "row_difference", Shape.ELEMENTS, matrix(out), data(x), data(y), data(out));
  }

  @Override
  public void part(Tensor w, Tensor kept, boolean ofKept, Tensor out) {
    float side = ofKept ? 1 : 0;
    launch(FIT, "row_part", Shape.ELEMENTS, matrix(out), data(w), data(kept), side, data(out));
  }

  @Override
  public double[] dots(Tensor x, Tensor y) {
    double[] dots = new double[x.rows()];
    launch(FIT, "row_dots", Shape.LANES, matrix(x), data(x), data(y), errors(x));
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
        matrix(w),
        data(w),
        data(products),
        data(kept),
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
    launch(
        FIT,
        "row_begin",
        Shape.LANES,
        matrix(kept),
        data(kept),
        data(g),
        data(p),
        moments.at(0),
        errors(kept),
        squares(kept));
  }

  @Override
  public void step(Tensor kept, Tensor products, Tensor x, Tensor g, Tensor p) {
    launch(
        FIT,
        "row_step",
        Shape.LANES,
        matrix(kept),
        data(kept),
        data(products),
        data(x),
        data(g),
        data(p),
        moments.at(0),
        squares(kept));
  }

  @Override
  public void end(Tensor w, Tensor start, Tensor g, Tensor x) {
    launch(
        FIT,
        "row_end",
        Shape.LANES,
        matrix(x),
        data(w),
        data(start),
        data(g),
        gram.data(),
        gram.stride(),
        errors(x),
        data(x));
  }

  @Override
  public void scale(Tensor w, double unit, Tensor out) {
    launch(ADMM, "row_scale", Shape.COLUMNS, matrix(w), data(w), diagonal(), unit, data(out));
  }

  @Override
  public void unscale(Tensor w, double unit, Tensor x) {
    launch(ADMM, "row_unscale", Shape.COLUMNS, matrix(w), data(w), diagonal(), unit, data(x));
  }

  @Override
  public void admmInput(Tensor w, Tensor kept, Tensor t, float fall, Tensor out) {
    launch(
        ADMM,
        "row_admm_input",
        Shape.ELEMENTS,
        matrix(out),
        data(w),
        data(kept),
        data(t),
        fall,
        data(out));
  }

  @Override
  public void admmUpdate(
      Tensor w, Tensor kept, Tensor products, float fall, float factor, Tensor t) {
    launch(
        ADMM,
        "row_admm_update",
        Shape.ELEMENTS,
        matrix(t),
        data(w),
        data(kept),
        data(products),
        fall,
        factor,
        data(t));
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
    launch(ADMM, "row_keep", Shape.ELEMENTS, matrix(kept), data(x), threshold, data(kept));
  }

  @Override
  public void keepHighest(Tensor x, int pruned, int size, Tensor kept) {
    launch(ADMM, "row_group_keep", Shape.COLUMNS, matrix(kept), data(x), pruned, size, data(kept));
  }

  @Override
  public void sparseGptScores(Tensor w, int first, Tensor block, Tensor out) {
    launch(
        SPARSE_GPT,
        "sparse_gpt_scores",
        Shape.COLUMNS,
        matrix(out),
        from(w, first),
        (long) w.columns(),
        data(block),
        block.columns(),
        data(out));
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
        matrix(changes),
        from(w, first),
        from(kept, first),
        (long) w.columns(),
        data(block),
        block.columns(),
        threshold,
        pruned,
        size,
        data(changes));
  }

  @Override
  public void addColumns(Tensor terms, Tensor w, int first) {
    launch(
        SPARSE_GPT,
        "sparse_gpt_add",
        Shape.COLUMNS,
        matrix(terms),
        data(terms),
        from(w, first),
        (long) w.columns());
  }

  @Override
  public void close() {
    queue.settle();
    moments.close();
    sums.close();
    scratch.close();
  }
}
