package io.github.wandacuda.select.gpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceBuffer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** Prunes matrices by one rule and one vector of norms, which lies on the device. */
final class GpuPlan implements SelectionPlan {
  private final SlotPool pool;
  private final SelectionArguments arguments;

  /** Null where there are no columns. */
  private final DeviceBuffer norms;

  private boolean closed;

  /** Brings the norms to the device. */
  GpuPlan(SlotPool pool, SelectionArguments arguments) {
    this.pool = pool;
    this.arguments = arguments;
    norms = arguments.columns() == 0 ? null : pool.upload(arguments.norms());
  }

  @Override
  public Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
    arguments.check(source, destination, mask);
    if (source.elements() == 0) {
      return new Selection(0, 0);
    }
    return pool.with(
        GpuSelector.shape(source),
        0,
        slot ->
            slot.select(
                slot.host(source, destination),
                norms.at(0),
                arguments.rule(),
                mask,
                rowsDone -> {}));
  }

  @Override
  public Selection select(ResidentMatrix matrix, int first, WeightMatrix rows, MemorySegment mask) {
    arguments.check(rows, rows, Objects.requireNonNull(mask, "mask"));
    if (rows.elements() == 0) {
      return new Selection(0, 0);
    }
    HeldMatrix held = held(matrix, first, rows);
    Selection selection =
        pool.with(
            held.shape(),
            0,
            slot -> slot.select(held, norms.at(0), arguments.rule(), mask, rowsDone -> {}));
    HostZeros.clear(rows, mask);
    return selection;
  }

  private static HeldMatrix held(ResidentMatrix matrix, int first, WeightMatrix rows) {
    if (!(matrix instanceof ResidentRows own)) {
      throw new IllegalArgumentException("a matrix of another backend");
    }
    DeviceRows all = own.matrix();
    if (all.dtype() != rows.dtype() || all.columns() != rows.columns()) {
      throw new IllegalArgumentException(
          "%d columns of %s on the device, %d of %s on the host"
              .formatted(all.columns(), all.dtype(), rows.columns(), rows.dtype()));
    }
    Objects.checkFromIndexSize(first, rows.rows(), all.rows());
    return new HeldMatrix(all.rowRange(first, rows.rows()), rows);
  }

  @Override
  public synchronized void close() {
    if (norms != null && !closed) {
      closed = true;
      pool.keep(norms);
    }
  }
}
