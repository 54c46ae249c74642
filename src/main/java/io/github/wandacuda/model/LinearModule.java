package io.github.wandacuda.model;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.quantized.QuantizedModule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A linear module of a decoder block, with the tensor that holds its weight.
 *
 * @param name as in the checkpoint, without {@code .weight}
 * @param transposed whether the weight is stored as [in, out], as GPT-2's Conv1D does
 * @param further whether it is of a block that predicts further tokens, which is no part of the
 *     decoder
 * @param quantized how the weight is quantized, in which case {@code tensor} holds its codes; or
 *     null
 */
public record LinearModule(
    String name,
    SafetensorsFile shard,
    TensorInfo tensor,
    boolean transposed,
    boolean router,
    boolean further,
    QuantizedModule quantized) {
  /** Returns whether the weight is of a type that can be pruned. */
  public boolean prunable() {
    return quantized == null ? isPlain() : quantized.prunable();
  }

  /** Returns whether the weight is of a type that is computed with. */
  public boolean isRead() {
    return quantized == null ? isPlain() : quantized.isRead();
  }

  /** Returns whether the weight is stored as numbers, without scales. */
  public boolean isPlain() {
    return tensor.type().isPresent();
  }

  /** Returns the elements of which packing leaves out zeros; nothing where it can't. */
  public Optional<PackedFormat.Elements> packed() {
    return quantized != null && quantized.hasNibbles()
        ? quantized.zeroNibble().map(zero -> PackedFormat.Elements.nibbles(tensor, zero))
        : PackedFormat.Elements.of(tensor);
  }

  /** Returns what the weight is stored as, for people. */
  public String format() {
    return quantized == null || !quantized.isRead() ? tensor.dtype() : quantized.format();
  }

  /** Returns the number of output features. */
  public int rows() {
    if (quantized != null) {
      return quantized.rows();
    }
    return transposed ? tensor.columns() : tensor.rows();
  }

  /** Returns the number of input features. */
  public int columns() {
    if (quantized != null) {
      return quantized.columns();
    }
    return transposed ? tensor.rows() : tensor.columns();
  }

  public long elements() {
    return (long) rows() * columns();
  }

  public long maskBytes() {
    return rows() * Selector.maskRowBytes(columns());
  }

  /**
   * Returns a view as [output features, input features] of the weight's bytes, laid out as in the
   * file.
   */
  public RowReader rows(MemorySegment bytes) {
    return quantized == null ? view(bytes) : quantized.matrix(bytes);
  }

  /**
   * Returns a view as [output features, input features] of the bytes of a weight that isn't
   * quantized, laid out as in the file.
   */
  public WeightMatrix view(MemorySegment bytes) {
    WeightMatrix stored =
        WeightMatrix.of(bytes, tensor.type().orElseThrow(), tensor.rows(), tensor.columns());
    return transposed ? stored.transposed() : stored;
  }

  public ErrorDetails place() {
    return ErrorDetails.tensor(shard.path(), tensor.name());
  }

  /**
   * Returns the module with rows and columns as they are stored, which are turned where it is
   * transposed; a quantized one stays as it is.
   */
  public LinearModule stored() {
    return isPlain() ? new LinearModule(name, shard, tensor, false, router, further, null) : this;
  }

  /** Checks that the weight's numbers are known. */
  public void requireRead() {
    if (quantized != null) {
      quantized.requireRead();
    } else if (!isPlain()) {
      throw place().wrong("F32, F16 or BF16", Printable.of(tensor.dtype()));
    }
  }

  /** Returns the module as it is in a copy of its shard. */
  public LinearModule in(SafetensorsFile copy) {
    return new LinearModule(name, copy, tensor, transposed, router, further, quantized);
  }
}
