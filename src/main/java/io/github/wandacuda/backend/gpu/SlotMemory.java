package io.github.wandacuda.backend.gpu;

/**
 * A slot's room on the device: rows of weights, and what goes with them. Where the device is short
 * of memory, the room is for fewer rows.
 */
final class SlotMemory implements AutoCloseable {
  private final DeviceQueue queue;

  /** Less than was asked for once there wasn't room for so many. */
  private long tileBytes;

  private final GrowingBuffer weights;
  private final GrowingBuffer masks;
  private final GrowingBuffer reports;
  private final GrowingBuffer counts;

  SlotMemory(GpuDevice device, DeviceQueue queue, long tileBytes) {
    this.queue = queue;
    this.tileBytes = Math.min(tileBytes, device.largestBuffer());
    weights = new GrowingBuffer(device, queue);
    masks = new GrowingBuffer(device, queue);
    reports = new GrowingBuffer(device, queue);
    counts = new GrowingBuffer(device, queue);
  }

  /**
   * Room for rows.
   *
   * @param rows how many rows fit
   * @param weights room for weights, or null where they stay where they are
   * @param counts room for counts, or null
   */
  record Tile(
      int rows,
      DevicePointer weights,
      DevicePointer masks,
      DevicePointer reports,
      DevicePointer counts) {}

  /**
   * Makes room for a tile of a matrix, for one row at the least, and for counts.
   *
   * @param bins how many counts, or 0
   * @throws DeviceMemoryException if there isn't room for one row
   */
  Tile tileOf(TileShape shape, int bins) {
    int rows = Math.clamp(tileBytes / shape.rowBytes(), 1, shape.rows());
    while (true) {
      try {
        return allocate(rows, shape, bins);
      } catch (DeviceMemoryException e) {
        if (rows == 1) {
          throw e;
        }
        rows /= 2;
        tileBytes = rows * shape.rowBytes();
        queue.finish();
        // Else weights that did fit would keep out what has to go with them.
        close();
      }
    }
  }

  private Tile allocate(int rows, TileShape shape, int bins) {
    return new Tile(
        rows,
        shape.inPlace() ? null : weights.atLeast(rows * shape.pitch()),
        masks.atLeast(rows * shape.maskPitch()),
        reports.atLeast((long) rows * GpuSelectKernels.REPORT_INTS * Integer.BYTES),
        bins == 0 ? null : counts.atLeast((long) bins * Integer.BYTES));
  }

  @Override
  public void close() {
    weights.close();
    masks.close();
    reports.close();
    counts.close();
  }
}
