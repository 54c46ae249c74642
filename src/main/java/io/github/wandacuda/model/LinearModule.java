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
 * @param shard the file that holds the weight
 * @param tensor the weight
 * @param transposed whether the weight is stored as [in, out], as GPT-2's Conv1D does
 * @param router whether it is a mixture-of-experts router
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
  /** Returns whether the weight is stored in a type or a quantized format that can be pruned. */
  public boolean prunable() {
    return quantized == null ? isPlain() : quantized.prunable();
  }

  /**
   * Returns whether the weight is stored in a type or a quantized format that a forward pass reads.
   */
  public boolean isRead() {
    return quantized == null ? isPlain() : quantized.isRead();
  }

  /** Returns whether the weight is stored as numbers, without scales. */
  public boolean isPlain() {
    return tensor.type().isPresent();
  }

  /**
   * Returns the elements of which packing leaves out the zeros.
   *
   * @return nothing where packing can't leave any out, and keeps the tensor as it is
   */
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

  /** Returns the number of weights. */
  public long elements() {
    return (long) rows() * columns();
  }

  /** Returns the size of the packed mask in bytes: one bit for each weight, rows padded. */
  public long maskBytes() {
    return rows() * Selector.maskRowBytes(columns());
  }

  /**
   * Returns a view as [output features, input features] of the weight's bytes, laid out as in the
   * file.
   *
   * @param bytes of the tensor, as many as the file has
   * @throws InputException if the weight's numbers aren't known
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

  /** Returns this module's file and tensor, for an error message. */
  public ErrorDetails place() {
    return ErrorDetails.tensor(shard.path(), tensor.name());
  }

  /**
   * Returns the module with rows and columns as they are stored: a weight that is stored transposed
   * then has inputs as rows. A quantized module is returned as it is.
   */
  public LinearModule stored() {
    return isPlain() ? new LinearModule(name, shard, tensor, false, router, further, null) : this;
  }

  /**
   * Checks that the weight is stored in a type or a format whose numbers are known.
   *
   * @throws InputException if it isn't
   */
  public void requireRead() {
    if (quantized != null) {
      quantized.requireRead();
    } else if (!isPlain()) {
      throw place().wrong("F32, F16 or BF16", Printable.of(tensor.dtype()));
    }
  }

  /**
   * Returns the module as it is in a copy of its shard.
   *
   * @param copy an open file with the same tensors
   */
  public LinearModule in(SafetensorsFile copy) {
    return new LinearModule(name, copy, tensor, transposed, router, further, quantized);
  }
}
