package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.select.ResidentMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * A {@link QuantizedMatrix} in a device's memory.
 *
 * @param format what a code stands for
 * @param rowBits from one row's codes to the next, a multiple of 8
 * @param columnBits from one column's codes to the next
 * @param scales the scales, from the first row's block on
 * @param layout how they are laid out and used, without their memory
 * @param zeros a zero point for each of them, a byte each; or null
 * @param groupOf int32 [columns], or null
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
  /** Where each part of the memory may begin. */
  private static final long ALIGNMENT = 256;

  private static final MemorySegment NONE = MemorySegment.NULL;

  /** What is copied: codes, scales, zero points and groups. */
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

  /** Returns what parts take that {@link #copy} brings to the device. */
  static long bytes(List<MemorySegment> parts) {
    return parts.stream().mapToLong(part -> aligned(part.byteSize())).sum();
  }

  /** Brings parts of a weight to memory of {@link #bytes} bytes, and returns their places. */
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

  /** Returns what each row of a weight takes whose rows lie one after the other, at most. */
  static long rowBytes(QuantizedMatrix host) {
    return host.codes().rowBytes() + scaleRowBytes(host.scales());
  }

  private static long scaleRowBytes(Scales scales) {
    int zero = scales.zeros() == null ? 0 : Byte.BYTES;
    return (long) scales.groups() * (scales.format().bits() / Byte.SIZE + zero);
  }

  /** Returns what some of its rows take beside that, at most: a block more, groups and gaps. */
  static long bytesBesideRows(QuantizedMatrix host) {
    long groups = host.scales().groupOf() == null ? 0 : (long) host.columns() * Integer.BYTES;
    return scaleRowBytes(host.scales()) + groups + 4 * ALIGNMENT;
  }

  /** Describes a weight in memory of {@link #bytes} bytes, whose parts are brought there. */
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

  /** Returns the arguments of a kernel for rows from one on. */
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
