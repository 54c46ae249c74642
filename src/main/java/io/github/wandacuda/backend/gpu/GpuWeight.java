package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A weight for the forward pass on a GPU. Its device memory is freed when all work that was queued
 * on it is done.
 */
abstract sealed class GpuWeight implements Weight {
  /** Copies weights to the device, and has the queue of all work on them. */
  final WeightUpload upload;

  private final int rows;
  private final int columns;
  private final DeviceBuffer buffer;
  private boolean closed;

  /**
   * Takes memory over.
   *
   * @param buffer the weight's memory on the device, which is closed with the weight; null if it
   *     isn't there
   * @param upload copies weights that aren't on the device
   */
  GpuWeight(int rows, int columns, DeviceBuffer buffer, WeightUpload upload) {
    this.rows = rows;
    this.columns = columns;
    this.buffer = buffer;
    this.upload = upload;
  }

  @Override
  public final int rows() {
    return rows;
  }

  @Override
  public final int columns() {
    return columns;
  }

  @Override
  public boolean ownsMemory() {
    return buffer != null;
  }

  /**
   * Queues a linear layer.
   *
   * @param x [tokens, columns]
   * @param bias [1, rows], or null for none
   * @param out [tokens, rows]
   */
  abstract void linear(GpuTensor x, GpuTensor bias, GpuTensor out);

  /**
   * Returns all rows as they lie on the device, for pruning in place; rows of numbers are aligned.
   *
   * @return nothing if the weight isn't on the device as a whole, or is packed
   * @throws IllegalStateException if the weight is closed
   */
  Optional<ResidentMatrix> resident() {
    return Optional.empty();
  }

  /**
   * Returns all rows, for looking up entries.
   *
   * @throws IllegalArgumentException if the weight is packed or quantized
   */
  abstract DeviceRows whole();

  /**
   * Checks that the weight isn't closed.
   *
   * @throws IllegalStateException if it is
   */
  final void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the weight is closed");
    }
  }

  /** Frees its memory. A second close does nothing. */
  @Override
  public void close() {
    if (!closed && buffer != null) {
      upload.queue().settle();
      buffer.close();
    }
    closed = true;
  }

  /**
   * A packed weight on the device, which is multiplied as it is by a few rows. More rows are
   * multiplied by the dense weight, which is written piece by piece for the time of the call.
   */
  static final class Packed extends GpuWeight {
    private final DeviceSparse matrix;

    private Packed(DeviceBuffer buffer, DeviceSparse matrix, WeightUpload upload) {
      super(matrix.rows(), matrix.columns(), buffer, upload);
      this.matrix = matrix;
    }

    /**
     * Copies a packed weight to the device. If it doesn't fit, it is unpacked in host memory, and
     * its rows are copied to the device whenever it is used.
     */
    static GpuWeight of(SparseMatrix host, WeightUpload upload) {
      List<MemorySegment> parts = List.of(host.values(), host.bitmask(), host.rowOffsets());
      return upload
          .<GpuWeight>placed(
              DeviceCodes.bytes(parts),
              buffer -> {
                DevicePointer[] at = DeviceCodes.copy(parts, buffer.at(0), upload.queue()::send);
                DeviceSparse matrix =
                    new DeviceSparse(
                        at[0], at[1], at[2], host.dtype(), host.rows(), host.columns());
                return new Packed(buffer, matrix, upload);
              })
          .orElseGet(() -> Dense.unpacked(host, upload));
    }

    @Override
    void linear(GpuTensor x, GpuTensor bias, GpuTensor out) {
      requireOpen();
      if (x.rows() > SparseMatrix.MOST_ROWS) {
        upload.unpack(matrix, (rows, first) -> upload.linear(x, rows, first, bias, out));
      } else {
        DevicePointer biases = GpuOperations.data(bias);
        upload.queue().forward().sparse(x.matrix(), matrix, biases, out.matrix());
      }
    }

    @Override
    DeviceRows whole() {
      throw new IllegalArgumentException("a packed weight is for linear layers alone");
    }
  }

  /**
   * A quantized weight, which is multiplied as it is by a few rows; for more it is widened piece by
   * piece. Its codes are on the device if enough memory remains free; else they are in host memory,
   * and a piece's are copied.
   */
  static final class Quantized extends GpuWeight {
    /** The weight in host memory, or null if it is on the device. */
    private final QuantizedMatrix host;

    /** The weight on the device; null if it isn't there. */
    private final DeviceCodes matrix;

    private Quantized(
        QuantizedMatrix host, DeviceCodes matrix, DeviceBuffer buffer, WeightUpload upload) {
      super(host.rows(), host.columns(), buffer, upload);
      this.host = matrix == null ? host : null;
      this.matrix = matrix;
    }

    /**
     * Copies a quantized weight to the device, if it fits.
     *
     * @param host the weight, in memory that must not change while this reads it
     */
    static Quantized of(QuantizedMatrix host, WeightUpload upload) {
      return upload
          .placed(
              DeviceCodes.bytes(DeviceCodes.parts(host)),
              buffer -> {
                DeviceCodes matrix = DeviceCodes.copy(host, buffer.at(0), upload.queue()::send);
                return new Quantized(host, matrix, buffer, upload);
              })
          .orElseGet(() -> new Quantized(host, null, null, upload));
    }

    @Override
    void linear(GpuTensor x, GpuTensor bias, GpuTensor out) {
      requireOpen();
      if (matrix != null) {
        upload.linear(x, matrix, bias, out);
      } else {
        upload.widen(host, (rows, first) -> upload.linear(x, rows, first, bias, out));
      }
    }

    @Override
    Optional<ResidentMatrix> resident() {
      requireOpen();
      return Optional.ofNullable(matrix);
    }

    @Override
    DeviceRows whole() {
      throw new IllegalArgumentException("a quantized weight is for linear layers alone");
    }
  }

  /**
   * A weight whose elements are all stored. It is on the device if enough memory remains free; else
   * it is in host memory, and its rows are copied in tiles whenever it is used.
   */
  static final class Dense extends GpuWeight {
    /** The weight in host memory, or null if it is on the device alone. */
    private final WeightMatrix host;

    /** Owns the weight in host memory, or null. */
    private final Arena hostMemory;

    /** The weight on the device; null if it isn't there. */
    private final DeviceRows matrix;

    /**
     * Takes over a weight that is on the device alone.
     *
     * @param buffer its memory, which is freed with it
     * @param matrix how it lies there
     */
    Dense(DeviceBuffer buffer, DeviceRows matrix, WeightUpload upload) {
      super(matrix.rows(), matrix.columns(), buffer, upload);
      this.host = null;
      this.hostMemory = null;
      this.matrix = matrix;
    }

    private Dense(
        WeightMatrix host,
        Arena hostMemory,
        DeviceBuffer buffer,
        DeviceRows matrix,
        WeightUpload upload) {
      super(host.rows(), host.columns(), buffer, upload);
      this.host = host;
      this.hostMemory = hostMemory;
      this.matrix = matrix;
    }

    /**
     * Copies a weight to the device, if it fits.
     *
     * @param host the weight, in memory that must not change until this is closed
     * @param hostMemory the arena of that memory, which is closed with this, or null
     */
    static Dense of(WeightMatrix host, Arena hostMemory, WeightUpload upload) {
      return upload
          .placed(
              HostRows.deviceBytes(host.rows(), host.columns(), host.dtype()),
              buffer -> {
                DeviceRows matrix =
                    HostRows.onDevice(buffer.at(0), host.dtype(), host.rows(), host.columns());
                upload.upload(host, matrix);
                return new Dense(host, hostMemory, buffer, matrix, upload);
              })
          .orElseGet(() -> new Dense(host, hostMemory, null, null, upload));
    }

    /** Makes a dense weight of a packed one, in host memory of its own. */
    @SuppressWarnings("MustBeClosedChecker") // Closed with the weight.
    static Dense unpacked(SparseMatrix packed, WeightUpload upload) {
      Arena memory = Arena.ofShared();
      try {
        WeightMatrix host =
            NativeMemory.matrix(memory, packed.dtype(), packed.rows(), packed.columns());
        packed.unpack(host);
        return of(host, memory, upload);
      } catch (RuntimeException e) {
        memory.close();
        throw e;
      }
    }

    @Override
    void linear(GpuTensor x, GpuTensor bias, GpuTensor out) {
      if (matrix != null) {
        upload.linear(x, whole(), 0, bias, out);
      } else {
        upload.stream(host, (rows, first) -> upload.linear(x, rows, first, bias, out));
      }
    }

    @Override
    Optional<ResidentMatrix> resident() {
      return matrix == null ? Optional.empty() : Optional.of(whole());
    }

    /**
     * {@inheritDoc}
     *
     * @throws DeviceMemoryException if they aren't on the device
     */
    @Override
    DeviceRows whole() {
      if (matrix == null) {
        throw upload.lacking(HostRows.deviceBytes(host.rows(), host.columns(), host.dtype()));
      }
      requireOpen();
      return matrix;
    }

    @Override
    public boolean ownsMemory() {
      return host == null || hostMemory != null;
    }

    @Override
    public void close() {
      super.close();
      if (hostMemory != null && hostMemory.scope().isAlive()) {
        hostMemory.close();
      }
    }
  }
}
