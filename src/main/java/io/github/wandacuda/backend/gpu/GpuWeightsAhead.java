package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Weights that go to the device through pinned memory with room for all of them, by a queue of
 * their own: so nobody waits for a copy before they are taken.
 */
final class GpuWeightsAhead implements WeightsAhead {
  /** Where in pinned memory each weight may begin. */
  private static final long ALIGNMENT = 64;

  private final DeviceQueue copies;
  private final WeightUpload upload;
  private final MemorySegment staging;
  private final List<Place> places;

  /** How many weights were sent, and where the next one goes in pinned memory. */
  private int sent;

  private long at;
  private boolean ended;

  private GpuWeightsAhead(
      DeviceQueue copies, WeightUpload upload, MemorySegment staging, List<Place> places) {
    this.copies = copies;
    this.upload = upload;
    this.staging = staging;
    this.places = places;
  }

  /** A weight's memory on the device. */
  private record Place(DeviceBuffer buffer, DeviceRows rows) {
    long bytes() {
      return rows.rows() * rows.rowBytes();
    }

    long stagingBytes() {
      return Math.ceilDiv(bytes(), ALIGNMENT) * ALIGNMENT;
    }
  }

  /**
   * Takes memory for weights; nothing if the device has no room for all of them.
   *
   * @param copies a queue that is idle and has no other use until these weights are taken or closed
   * @param upload knows how much room there is
   * @param staging pinned memory, likewise
   */
  static Optional<WeightsAhead> reserve(
      DeviceQueue copies,
      WeightUpload upload,
      PinnedMemory.StagingBuffer staging,
      List<Shape> shapes) {
    List<Place> places = new ArrayList<>();
    try {
      for (Shape shape : shapes) {
        DeviceBuffer buffer =
            upload.allocate(HostRows.deviceBytes(shape.rows(), shape.columns(), shape.dtype()));
        if (buffer == null) {
          free(places);
          return Optional.empty();
        }
        places.add(new Place(buffer, rows(buffer, shape)));
      }
      long bytes = places.stream().mapToLong(Place::stagingBytes).sum();
      return Optional.of(new GpuWeightsAhead(copies, upload, staging.exactly(bytes), places));
    } catch (RuntimeException e) {
      free(places);
      throw e;
    }
  }

  private static DeviceRows rows(DeviceBuffer buffer, Shape shape) {
    return HostRows.onDevice(buffer.at(0), shape.dtype(), shape.rows(), shape.columns());
  }

  private static void free(List<Place> places) {
    places.forEach(place -> place.buffer.close());
  }

  @Override
  public void send(WeightMatrix matrix) {
    Place place = places.get(sent++);
    DeviceRows to = place.rows;
    if (matrix.dtype() != to.dtype()
        || matrix.rows() != to.rows()
        || matrix.columns() != to.columns()) {
      throw new IllegalArgumentException("a weight of another shape than there is room for");
    }
    if (matrix.elements() == 0) {
      return;
    }
    MemorySegment dense = staging.asSlice(at, place.bytes());
    at += place.stagingBytes();
    HostRows.gather(matrix, dense);
    copies.copy(
        RowCopy.Place.of(dense, to.rowBytes()),
        RowCopy.Place.of(to.data(), to.pitch()),
        to.rowBytes(),
        to.rows());
  }

  @Override
  public List<Weight> take() {
    if (ended || sent < places.size()) {
      throw new IllegalStateException("%d of %d weights sent".formatted(sent, places.size()));
    }
    copies.finish();
    ended = true;
    return places.stream()
        .<Weight>map(place -> new GpuWeight.Dense(place.buffer, place.rows, upload))
        .toList();
  }

  @Override
  public void close() {
    if (!ended) {
      ended = true;
      copies.settle();
      free(places);
    }
  }
}
