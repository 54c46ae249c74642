package io.github.wandacuda.forward.gpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceBuffer;
import io.github.wandacuda.device.DeviceMemoryException;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.device.RowLayout;
import io.github.wandacuda.forward.Weight;

/**
 * A weight for the forward pass. It is on the device if enough memory remains free; else it is in
 * host memory, and its rows are copied in tiles whenever it is used.
 */
public final class GpuWeight implements Weight {
  private final GpuDevice device;
  private final WeightMatrix host;
  private final DeviceBuffer buffer;
  private final WeightUpload upload;
  private boolean closed;

  /**
   * Copies a weight to the device, if it fits.
   *
   * @param host the weight, in memory that must not change until this is closed
   * @param upload copies rows to the device
   */
  GpuWeight(GpuDevice device, WeightMatrix host, WeightUpload upload) {
    this.device = device;
    this.host = host;
    this.upload = upload;
    long bytes = RowLayout.devicePitch(host) * host.rows();
    buffer = allocate(device, bytes, upload.reserveBytes());
    if (buffer != null) {
      fill();
    }
  }

  private void fill() {
    try {
      upload.upload(host, matrix(host.rows()));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static DeviceBuffer allocate(GpuDevice device, long bytes, long reserve) {
    if (bytes > device.largestBuffer() || bytes > device.freeBytes() - reserve) {
      return null;
    }
    try {
      return device.allocate(Math.max(1, bytes));
    } catch (DeviceMemoryException e) {
      return null;
    }
  }

  private DeviceRows matrix(int rows) {
    if (closed) {
      throw new IllegalStateException("the weight is closed");
    }
    return RowLayout.onDevice(host, buffer.at(0), rows);
  }

  /** Work on some of a weight's rows. */
  @FunctionalInterface
  interface RowWork {
    /**
     * Queues the work.
     *
     * @param rows the rows on the device
     * @param first the first row's number
     */
    void run(DeviceRows rows, int first);
  }

  /** Queues work for all rows, in as many tiles as the device's memory requires. */
  void forEachTile(RowWork work) {
    if (buffer != null) {
      work.run(matrix(host.rows()), 0);
    } else {
      upload.stream(host, work);
    }
  }

  /**
   * Returns all rows.
   *
   * @throws DeviceMemoryException if they aren't on the device
   */
  DeviceRows whole() {
    if (buffer == null) {
      throw new DeviceMemoryException(
          device.name(),
          RowLayout.devicePitch(host) * host.rows(),
          Math.min(device.largestBuffer(), device.freeBytes() - upload.reserveBytes()));
    }
    return matrix(host.rows());
  }

  @Override
  public int rows() {
    return host.rows();
  }

  @Override
  public int columns() {
    return host.columns();
  }

  @Override
  public void close() {
    if (buffer != null && !closed) {
      closed = true;
      upload.settle();
      buffer.close();
    }
  }
}
