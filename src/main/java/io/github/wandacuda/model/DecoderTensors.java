package io.github.wandacuda.model;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.WeightsAhead;
import io.github.wandacuda.model.quantized.QuantizedModule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * A decoder's tensors in its checkpoint. Their shapes are checked when they are read. Names are
 * those behind the decoder's prefix, unless they are called full.
 *
 * @param quantized modules whose weights are quantized, by their full names
 * @param read tensors that were read already, by their full names
 */
public record DecoderTensors(
    Checkpoint checkpoint,
    String prefix,
    Map<String, QuantizedModule> quantized,
    Map<String, MemorySegment> read) {
  private static final long ALIGNMENT = 64;
  private static final String WEIGHT = ".weight";

  /**
   * Finds out which of a description's prefixes a model's tensors have: the one with which the
   * embedding is found, since every checkpoint has an embedding.
   */
  public static DecoderTensors of(ModelDirectory model, DecoderDescription decoder) {
    Checkpoint checkpoint = model.checkpoint();
    String prefix =
        decoder.prefixes().stream()
            .filter(before -> checkpoint.find(before + decoder.embedding().table()).isPresent())
            .findFirst()
            .orElse(decoder.prefixes().getFirst());
    Map<String, QuantizedModule> quantized = new HashMap<>();
    model.modules().stream()
        .filter(module -> module.quantized() != null)
        .forEach(module -> quantized.put(module.name(), module.quantized()));
    return new DecoderTensors(checkpoint, prefix, quantized, Map.of());
  }

  /** Returns a name with the prefix, as in the checkpoint. */
  public String fullName(String name) {
    return prefix + name;
  }

  /** Returns whether the checkpoint holds a tensor, by its full name. */
  boolean has(String fullName) {
    return checkpoint.find(fullName).isPresent();
  }

  /**
   * Checks that the checkpoint holds a linear module's weight, and its bias if it has one.
   *
   * @return the module's full name
   * @throws InputException if its weight is missing or of another shape
   */
  public String require(LinearDescription linear) {
    boolean transposed = linear.transposed();
    Optional<QuantizedModule> codes = quantized(linear);
    if (codes.isPresent()) {
      require(linear, codes.get());
    } else {
      entry(
          fullName(linear.name()) + WEIGHT,
          transposed ? linear.columns() : linear.rows(),
          transposed ? linear.rows() : linear.columns());
    }
    if (linear.bias()) {
      var unused = entry(fullName(linear.name()) + ".bias", linear.rows());
    }
    return fullName(linear.name());
  }

  /** Checks that a quantized weight has the shape that the config says. */
  private static void require(LinearDescription linear, QuantizedModule codes) {
    codes.requireRead();
    if (codes.rows() != linear.rows() || codes.columns() != linear.columns()) {
      throw ErrorDetails.tensor(codes.codes().shard().path(), codes.codes().info().name())
          .wrong(
              "%d x %d weights, as config.json says".formatted(linear.rows(), linear.columns()),
              "%d x %d".formatted(codes.rows(), codes.columns()));
    }
  }

  /** Returns how a linear module's weight is quantized, if it is. */
  public Optional<QuantizedModule> quantized(LinearDescription linear) {
    return Optional.ofNullable(quantized.get(fullName(linear.name())));
  }

  /**
   * Checks a norm's tensors, unless each head has gains of its own.
   *
   * @throws InputException if a tensor is missing or of another shape
   */
  public void require(NormDescription norm) {
    if (norm.affine() && norm.gains() == 0) {
      var unused = entry(fullName(norm.name()) + WEIGHT, norm.size());
      if (norm.kind() == NormDescription.Kind.LAYER) {
        unused = entry(fullName(norm.name()) + ".bias", norm.size());
      }
    }
  }

  /** Returns what the checkpoint has as a linear module's weight, if it has any. */
  Optional<Checkpoint.Entry> stored(LinearDescription linear) {
    return quantized(linear)
        .map(QuantizedModule::codes)
        .or(() -> checkpoint.find(fullName(linear.name()) + WEIGHT));
  }

  /**
   * Copies a linear module's weight from its file.
   *
   * @param memory takes the copy
   * @return [output features, input features]
   * @throws InputException if it is missing, of another shape, or in a type that isn't computed
   *     with
   */
  WeightMatrix read(LinearDescription linear, SegmentAllocator memory) {
    String name = fullName(linear.name()) + WEIGHT;
    return linear.transposed()
        ? read(name, linear.columns(), linear.rows(), memory).transposed()
        : read(name, linear.rows(), linear.columns(), memory);
  }

  /**
   * Returns the shape and type of a linear module's weight, by what the checkpoint says of it, for
   * weights that are sent to the device ahead.
   *
   * @return nothing if it is missing or quantized
   */
  Optional<WeightsAhead.Shape> shape(LinearDescription linear) {
    return stored(linear)
        .flatMap(entry -> entry.info().type())
        .map(dtype -> new WeightsAhead.Shape(dtype, linear.rows(), linear.columns()));
  }

  /**
   * Copies a matrix from its file.
   *
   * @throws InputException if it is missing, of another shape, or in a type that isn't computed
   *     with
   */
  WeightMatrix read(String fullName, int rows, int columns, SegmentAllocator memory) {
    Checkpoint.Entry entry = entry(fullName, rows, columns);
    return WeightMatrix.of(copy(entry, memory), entry.info().type().orElseThrow(), rows, columns);
  }

  /** Returns a tensor's bytes: those that were read ahead, else a copy from its file. */
  MemorySegment copy(Checkpoint.Entry entry, SegmentAllocator memory) {
    MemorySegment copy = read.get(entry.info().name());
    if (copy == null) {
      copy = memory.allocate(entry.info().bytes(), ALIGNMENT);
      entry.shard().read(entry.info(), 0, copy);
    }
    return copy;
  }

  /**
   * Copies some rows of a matrix from its file, since a large table needn't be loaded whole.
   *
   * @param name the matrix's name
   * @param height rows of the whole matrix
   * @param rows the rows to copy, in the order of the result
   * @param arena owns the copy
   * @return [rows.length, columns]
   */
  WeightMatrix rows(String name, int height, int columns, int[] rows, Arena arena) {
    Checkpoint.Entry entry = entry(fullName(name), height, columns);
    DType dtype = entry.info().type().orElseThrow();
    long rowBytes = (long) columns * dtype.bytes();
    MemorySegment copy = arena.allocate(rows.length * rowBytes, ALIGNMENT);
    for (int at = 0; at < rows.length; at++) {
      entry.shard().read(entry.info(), rows[at] * rowBytes, copy.asSlice(at * rowBytes, rowBytes));
    }
    return WeightMatrix.of(copy, dtype, rows.length, columns);
  }

  /**
   * Returns the weight of a convolution that sees each channel by itself, widened to float32.
   *
   * @param name the tensor's name
   * @return [kernel, channels]
   */
  float[] convolution(String name, int channels, int kernel) {
    Checkpoint.Entry entry = entry(fullName(name), channels, 1, kernel);
    try (Arena arena = Arena.ofConfined()) {
      DType dtype = entry.info().type().orElseThrow();
      return widened(WeightMatrix.of(copy(entry, arena), dtype, channels, kernel).transposed());
    }
  }

  private static float[] widened(WeightMatrix matrix) {
    float[] values = new float[Math.multiplyExact(matrix.rows(), matrix.columns())];
    for (int row = 0; row < matrix.rows(); row++) {
      matrix.read(row, 0, matrix.columns(), values, row * matrix.columns());
    }
    return values;
  }

  /**
   * Returns a vector, widened to float32; it may be stored as a matrix of one row.
   *
   * @throws InputException if it is missing or of another length
   */
  float[] values(String name, int length) {
    return fullValues(fullName(name), length);
  }

  /** Does the same as {@link #values} by the full name. */
  float[] fullValues(String fullName, int length) {
    boolean row =
        checkpoint.find(fullName).filter(found -> found.info().shape().size() == 2).isPresent();
    Checkpoint.Entry entry = row ? entry(fullName, 1, length) : entry(fullName, length);
    TensorInfo info = entry.info();
    return entry
        .shard()
        .vector(
            new TensorInfo(
                info.name(), info.dtype(), List.of((long) length), info.begin(), info.end()));
  }

  /**
   * Returns a norm's stored gains, widened to float32. Where each head has its own, the checkpoint
   * has them as rows of a matrix, or as a vector for each head that is called by the head's number.
   */
  float[] gains(NormDescription norm) {
    int size = norm.size();
    int gains = norm.gains();
    if (gains == 0) {
      return values(norm.name() + WEIGHT, size);
    }
    if (has(fullName(norm.name() + WEIGHT))) {
      try (Arena arena = Arena.ofConfined()) {
        return widened(read(fullName(norm.name() + WEIGHT), gains, size, arena));
      }
    }
    float[] all = new float[gains * size];
    for (int gain = 0; gain < gains; gain++) {
      float[] own = values(norm.name() + ".norms." + gain + WEIGHT, size);
      System.arraycopy(own, 0, all, gain * size, size);
    }
    return all;
  }

  /**
   * Returns a number that is stored as a tensor of its own, widened to float32, or {@code
   * otherwise} if there is no such tensor.
   */
  float number(String name, float otherwise) {
    return has(fullName(name)) ? number(name) : otherwise;
  }

  /**
   * Returns a number that is stored as a tensor of its own, a scalar or a vector of one element,
   * widened to float32.
   */
  float number(String name) {
    boolean scalar =
        checkpoint.find(fullName(name)).stream().anyMatch(at -> at.info().shape().isEmpty());
    Checkpoint.Entry entry = scalar ? entry(fullName(name)) : entry(fullName(name), 1);
    return entry.shard().vector(entry.info())[0];
  }

  private Checkpoint.Entry entry(String name, long... shape) {
    Checkpoint.Entry entry =
        checkpoint
            .find(name)
            .orElseThrow(
                () ->
                    ErrorDetails.tensor(checkpoint.directory(), name)
                        .wrong("one of shape " + Arrays.toString(shape), "it missing"));
    if (!entry.info().shape().equals(LongStream.of(shape).boxed().toList())) {
      throw ErrorDetails.tensor(entry.shard().path(), name)
          .wrong(
              "shape " + Arrays.toString(shape) + ", as config.json says",
              entry.info().shape().toString());
    }
    if (entry.info().type().isEmpty()) {
      throw ErrorDetails.tensor(entry.shard().path(), name)
          .wrong("F32, F16 or BF16", Printable.of(entry.info().dtype()));
    }
    return entry;
  }
}
