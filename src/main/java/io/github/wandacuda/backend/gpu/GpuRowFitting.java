package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.backend.gpu.GpuForwardKernels.Shape;
import io.github.wandacuda.forward.RowFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.util.OptionalInt;

/** The work on rows in a device's memory: {@code row_fit} and {@code row_swaps}. */
final class GpuRowFitting implements RowFitting {
  private static final String FIT = "row_fit";

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
  public void close() {
    queue.settle();
    moments.close();
    sums.close();
    scratch.close();
  }
}
