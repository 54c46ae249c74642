package io.github.wandacuda.model;

import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.Weight;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.LongStream;

/** Fetches a decoder's tensors out of its checkpoint, with their shapes checked, onto a device. */
public final class DecoderWeights {
  private static final long ALIGNMENT = 64;

  private final Checkpoint checkpoint;
  private final Operations operations;

  /** Reads from {@code checkpoint} for the device behind {@code operations}. */
  public DecoderWeights(Checkpoint checkpoint, Operations operations) {
    this.checkpoint = Objects.requireNonNull(checkpoint);
    this.operations = Objects.requireNonNull(operations);
  }

  /** Returns whether the checkpoint holds a tensor. */
  public boolean has(String name) {
    return checkpoint.find(name).isPresent();
  }

  /**
   * Copies a matrix out of its file and makes it readable for the device.
   *
   * @param arena owns the copy; the weight is to be closed before it
   * @throws InputException if it is missing, of another shape, or in a type that isn't computed
   *     with
   */
  public Weight matrix(String name, int rows, int columns, Arena arena) {
    Checkpoint.Entry entry = entry(name, rows, columns);
    MemorySegment copy = arena.allocate(entry.info().bytes(), ALIGNMENT);
    entry.shard().read(entry.info(), 0, copy);
    return operations.weight(
        WeightMatrix.of(copy, entry.info().type().orElseThrow(), rows, columns));
  }

  /**
   * Copies some rows of a matrix out of its file, so that a large table need never be loaded whole.
   *
   * @param rows which, in the order wanted
   * @param arena owns the copy
   * @return [rows.length, columns]
   */
  public WeightMatrix rows(String name, int height, int columns, int[] rows, Arena arena) {
    Checkpoint.Entry entry = entry(name, height, columns);
    DType dtype = entry.info().type().orElseThrow();
    long rowBytes = (long) columns * dtype.bytes();
    MemorySegment copy = arena.allocate(rows.length * rowBytes, ALIGNMENT);
    for (int at = 0; at < rows.length; at++) {
      entry.shard().read(entry.info(), rows[at] * rowBytes, copy.asSlice(at * rowBytes, rowBytes));
    }
    return WeightMatrix.of(copy, dtype, rows.length, columns);
  }

  /**
   * Returns a vector, widened to float32, as a tensor of one row.
   *
   * @throws InputException if it is missing, of another length, or in a type that isn't computed
   *     with
   */
  public Tensor vector(String name, int length) {
    Checkpoint.Entry entry = entry(name, length);
    float[] values = entry.shard().vector(entry.info());
    return tensor(values, 1, length);
  }

  /**
   * Returns a vector as {@link #vector} does, or null if the checkpoint holds none of that name.
   */
  public Tensor vectorOrNull(String name, int length) {
    return has(name) ? vector(name, length) : null;
  }

  /** Returns a tensor with the given values. */
  public Tensor tensor(float[] values, int rows, int columns) {
    Tensor tensor = operations.tensor(rows, columns);
    operations.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  private Checkpoint.Entry entry(String name, long... shape) {
    Checkpoint.Entry entry =
        checkpoint
            .find(name)
            .orElseThrow(
                () ->
                    new InputException(
                        "%s: tensor %s is missing; expected one of shape %s"
                            .formatted(checkpoint.directory(), name, Arrays.toString(shape))));
    if (!entry.info().shape().equals(LongStream.of(shape).boxed().toList())) {
      throw new InputException(
          "%s: tensor %s: expected shape %s, found %s"
              .formatted(entry.shard().path(), name, Arrays.toString(shape), entry.info().shape()));
    }
    if (entry.info().type().isEmpty()) {
      throw new InputException(
          "%s: tensor %s: expected F32, F16 or BF16, found %s"
              .formatted(entry.shard().path(), name, entry.info().dtype()));
    }
    return entry;
  }
}
