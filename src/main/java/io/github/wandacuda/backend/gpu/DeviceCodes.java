package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.select.ResidentMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * A {@link QuantizedMatrix} in a device's memory, which whoever allocated it owns.
 *
 * @param codes the first row's codes
 * @param format what a code stands for
 * @param bits of a code
 * @param rows number of rows
 * @param columns number of columns
 * @param rowBits distance from one row's codes to the next, a multiple of 8
 * @param columnBits distance from one column's codes to the next
 * @param scales the scales, from the first row's block on
 * @param layout how the scales are laid out and used; has no memory itself
 * @param zeros a zero point for each scale, a byte each; or null
 * @param groupOf int32 [columns], the group of scales of each column; or null if they follow each
 *     other
 */
public record DeviceCodes(
    DevicePointer codes,
    NumberFormat format,
    int bits,
    int rows,
    int columns,
    long rowBits,
    long columnBits,
    DevicePointer scales,
    Scales layout,
    DevicePointer zeros,
    DevicePointer groupOf)
    implements ResidentMatrix {
  /** Each part begins at a multiple of so many bytes. */
  private static final long ALIGNMENT = 256;

  private static final MemorySegment NONE = MemorySegment.NULL;

  /**
   * Returns what is copied of a weight to a device: codes, scales, zero points and groups, in this
   * order. Of the scales only those of the weight's rows are copied.
   *
   * @return four segments; those of zero points and groups are {@link MemorySegment#NULL} if there
   *     are none
   */
  static List<MemorySegment> parts(QuantizedMatrix host) {
    Scales scales = host.scales();
    int block = scales.firstRow() / scales.blockRows();
    int blocks = Math.ceilDiv(scales.firstRow() + host.rows(), scales.blockRows()) - block;
    long first = (long) block * scales.groups();
    long count = (long) blocks * scales.groups();
    long bytes = scales.format().bits() / Byte.SIZE;
    byte[] zeros = scales.zeros();
    int[] groups = scales.groupOf();
    return List.of(
        host.data().asSlice(0, host.codes().bytes()),
        scales.data().asSlice(first * bytes, count * bytes),
        zeros == null ? NONE : MemorySegment.ofArray(zeros).asSlice(first, count),
        groups == null ? NONE : MemorySegment.ofArray(groups));
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  /**
   * Returns how much device memory parts take that {@link #copy(List, DevicePointer, BiConsumer)}
   * copies.
   */
  static long bytes(List<MemorySegment> parts) {
    return parts.stream().mapToLong(part -> aligned(part.byteSize())).sum();
  }

  /**
   * Copies parts of a weight to the device.
   *
   * @param parts in host memory of any kind
   * @param to the start of {@link #bytes} bytes
   * @param send copies a segment and waits for the copy, such as {@link DeviceQueue#send}
   * @return where each part lies; null for a part that is {@link MemorySegment#NULL}
   */
  static DevicePointer[] copy(
      List<MemorySegment> parts, DevicePointer to, BiConsumer<MemorySegment, DevicePointer> send) {
    DevicePointer[] places = new DevicePointer[parts.size()];
    DevicePointer next = to;
    for (int part = 0; part < places.length; part++) {
      MemorySegment from = parts.get(part);
      places[part] = from.equals(NONE) ? null : next;
      if (from.byteSize() > 0) {
        send.accept(from, next);
        next = next.plus(aligned(from.byteSize()));
      }
    }
    return places;
  }

  /**
   * Returns the most bytes that a row takes in device memory, if the weight's rows lie one after
   * the other: its codes, scales and zero points.
   */
  static long rowBytes(QuantizedMatrix host) {
    return host.codes().rowBytes() + scaleRowBytes(host.scales());
  }

  private static long scaleRowBytes(Scales scales) {
    int zero = scales.zeros() == null ? 0 : Byte.BYTES;
    return (long) scales.groups() * (scales.format().bits() / Byte.SIZE + zero);
  }

  /**
   * Returns the most bytes that some rows of a weight take in device memory beside {@link
   * #rowBytes} for each: another block of scales, the groups, and the gaps between the parts.
   */
  static long bytesBesideRows(QuantizedMatrix host) {
    long groups = host.scales().groupOf() == null ? 0 : (long) host.columns() * Integer.BYTES;
    return scaleRowBytes(host.scales()) + groups + 4 * ALIGNMENT;
  }

  /**
   * Copies a weight to the device.
   *
   * @param host the weight
   * @param to the start of {@link #bytes} bytes, which the result refers to
   * @param send copies a segment and waits for the copy, such as {@link DeviceQueue#send}
   */
  static DeviceCodes copy(
      QuantizedMatrix host, DevicePointer to, BiConsumer<MemorySegment, DevicePointer> send) {
    DevicePointer[] places = copy(parts(host), to, send);
    Scales scales = host.scales();
    Scales layout =
        Scales.of(NONE, scales.format(), scales.blockRows(), scales.blockColumns(), scales.groups())
            .from(scales.firstRow() % scales.blockRows())
            .withZero(scales.zero())
            .withFactor(scales.factor(), scales.divides());
    return new DeviceCodes(
        places[0],
        host.codes().format(),
        host.codes().bits(),
        host.rows(),
        host.columns(),
        host.codes().rowBits(),
        host.codes().columnBits(),
        places[1],
        layout,
        places[2],
        places[3]);
  }

  /**
   * Returns the arguments of a kernel that reads codes.
   *
   * @param first the row that the kernel is to read first
   * @param more the kernel's other arguments, which follow these
   */
  public Object[] arguments(int first, Object... more) {
    Object[] own = {
      codes.plus(first * rowBits / Byte.SIZE),
      rowBits,
      columnBits,
      bits,
      format.ordinal(),
      scales,
      layout.format().ordinal(),
      layout.firstRow() + first,
      layout.blockRows(),
      layout.blockColumns(),
      layout.groups(),
      groupOf,
      zeros,
      layout.zero(),
      layout.factor(),
      layout.divides() ? 1 : 0
    };
    return GpuSelectKernels.joined(own, more);
  }
}
