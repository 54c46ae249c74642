package io.github.wandacuda.model.decoder;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import io.github.wandacuda.io.checkpoint.Checkpoint;
import io.github.wandacuda.io.packed.PackedModule;
import io.github.wandacuda.model.description.LinearDescription;
import io.github.wandacuda.model.description.NormDescription;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.LongStream;

/**
 * Copies a decoder's tensors from its checkpoint to a device and checks their shapes. Names are
 * without the decoder's prefix, unless they are called full.
 */
final class DecoderWeights implements AutoCloseable {
  private static final long ALIGNMENT = 64;
  private static final String WEIGHT = ".weight";
  private static final String BIAS = ".bias";

  private final Checkpoint checkpoint;
  private final Operations operations;
  private final WeightKeeping keeping;
  private final String prefix;
  private final KeptWeights kept;

  /** Tensors that were read already, by their full names. */
  private final Map<String, MemorySegment> read;

  /** Weights that came to the device already and weren't asked for, by their modules' names. */
  private final Map<String, Weight> arrived;

  private DecoderWeights(
      Checkpoint checkpoint,
      Operations operations,
      WeightKeeping keeping,
      String prefix,
      KeptWeights kept,
      Map<String, MemorySegment> read,
      Map<String, Weight> arrived) {
    this.checkpoint = Objects.requireNonNull(checkpoint);
    this.operations = Objects.requireNonNull(operations);
    this.keeping = keeping;
    this.prefix = prefix;
    this.kept = kept;
    this.read = read;
    this.arrived = new HashMap<>(arrived);
  }

  /**
   * Reads from {@code checkpoint} for the device behind {@code operations}.
   *
   * @param keeping how long matrices are used
   * @param prefixes possible prefixes of names
   * @param tensor a tensor of every checkpoint, by which the prefix is told
   */
  static DecoderWeights of(
      Checkpoint checkpoint,
      Operations operations,
      WeightKeeping keeping,
      List<String> prefixes,
      String tensor) {
    String prefix =
        prefixes.stream()
            .filter(candidate -> checkpoint.find(candidate + tensor).isPresent())
            .findFirst()
            .orElse(prefixes.get(0));
    return new DecoderWeights(
        checkpoint, operations, keeping, prefix, new KeptWeights(), Map.of(), Map.of());
  }

  /** Returns what the checkpoint has as a linear module's weight, if it has any. */
  Optional<Checkpoint.Entry> stored(LinearDescription linear) {
    return checkpoint.find(fullName(linear.name()) + WEIGHT);
  }

  /**
   * Returns the same weights, some of which were read already.
   *
   * @param tensors bytes of those in memory, by their full names
   * @param arrived those on the device, by their modules' names; {@link #dropArrived} closes what
   *     nobody asks for
   */
  DecoderWeights having(Map<String, MemorySegment> tensors, Map<String, Weight> arrived) {
    return new DecoderWeights(checkpoint, operations, keeping, prefix, kept, tensors, arrived);
  }

  Operations operations() {
    return operations;
  }

  /** Returns a name with the prefix, as in the checkpoint. */
  String fullName(String name) {
    return prefix + name;
  }

  /** Returns whether the checkpoint holds a tensor, by its full name. */
  boolean has(String fullName) {
    return checkpoint.find(fullName).isPresent();
  }

  /**
   * Returns a linear module's full name.
   *
   * @throws InputException if its weight is missing or of another shape
   */
  String require(LinearDescription linear) {
    boolean transposed = linear.transposed();
    entry(
        fullName(linear.name()) + WEIGHT,
        transposed ? linear.columns() : linear.rows(),
        transposed ? linear.rows() : linear.columns());
    return fullName(linear.name());
  }

  /**
   * Copies a linear module's weight from its file to the device.
   *
   * @param arena owns the copy; must be closed after the weight
   * @throws InputException if it is missing, of another shape, or in a type that isn't computed
   *     with
   */
  Loaded weight(LinearDescription linear, Arena arena) {
    Weight here = arrived.remove(linear.name());
    if (here != null) {
      return new Loaded(here, null);
    }
    String name = fullName(linear.name()) + WEIGHT;
    Optional<PackedModule> packed = packed(name, linear);
    if (packed.isPresent()) {
      return new Loaded(sparse(packed.get(), linear.transposed()), null);
    }
    return weight(memory -> read(linear, memory), arena);
  }

  /**
   * Copies a linear module's weight from its file.
   *
   * @throws InputException as {@link #weight} does
   */
  WeightMatrix read(LinearDescription linear, Arena arena) {
    String name = fullName(linear.name()) + WEIGHT;
    return linear.transposed()
        ? read(name, linear.columns(), linear.rows(), arena).transposed()
        : read(name, linear.rows(), linear.columns(), arena);
  }

  /** Returns a linear module's weight as it would come ahead, by what the checkpoint says of it. */
  Optional<WeightsAhead.Shape> shape(LinearDescription linear) {
    return stored(linear)
        .flatMap(entry -> entry.info().type())
        .map(dtype -> new WeightsAhead.Shape(dtype, linear.rows(), linear.columns()));
  }

  /** Closes the weights that arrived and weren't asked for. */
  void dropArrived() {
    arrived.values().forEach(Weight::close);
    arrived.clear();
  }

  /**
   * A weight with its copy in host memory, which is laid out as in the file.
   *
   * @param bytes null if the weight doesn't read them any more
   */
  record Loaded(Weight weight, MemorySegment bytes) {}

  /** Returns a module that is stored packed, if it is best kept so. */
  private Optional<PackedModule> packed(String name, LinearDescription linear) {
    if (keeping == WeightKeeping.WHILE_OPEN) {
      return Optional.empty();
    }
    require(linear);
    return checkpoint
        .find(name)
        .flatMap(PackedModule::of)
        .filter(module -> operations.multipliesSparse(module.dtype()));
  }

  private Weight sparse(PackedModule module, boolean transposed) {
    if (!transposed) {
      return kept.keep(memory -> operations.sparseWeight(module.matrix(memory)));
    }
    try (Arena arena = Arena.ofConfined()) {
      SparseMatrix stored = module.matrix(arena);
      MemorySegment dense = arena.allocate(module.weight().bytes(), ALIGNMENT);
      WeightMatrix matrix = WeightMatrix.of(dense, module.dtype(), module.rows(), module.columns());
      stored.unpack(matrix);
      return kept.keep(
          memory -> operations.sparseWeight(SparseMatrix.pack(matrix.transposed(), memory)));
    }
  }

  private Loaded weight(Function<Arena, WeightMatrix> reading, Arena arena) {
    if (keeping == WeightKeeping.RESIDENT) {
      return new Loaded(
          kept.keep(memory -> operations.residentWeight(reading.apply(memory))), null);
    }
    WeightMatrix matrix = reading.apply(arena);
    Weight weight = operations.weight(matrix);
    return new Loaded(weight, weight.ownsMemory() ? null : matrix.data());
  }

  /** Returns a linear module's bias, or null if it has none. */
  Tensor bias(LinearDescription linear) {
    return linear.bias() ? vector(linear.name() + BIAS, linear.rows()) : null;
  }

  /** Returns a norm's gain; ones if it has none. */
  Tensor gain(NormDescription norm) {
    float[] values;
    if (norm.affine()) {
      values = values(norm.name() + WEIGHT, norm.size());
      for (int column = 0; column < values.length; column++) {
        values[column] += norm.gainOffset();
      }
    } else {
      values = new float[norm.size()];
      Arrays.fill(values, 1);
    }
    return tensor(values, 1, values.length);
  }

  /** Returns a LayerNorm's bias, or null if it has none. */
  Tensor bias(NormDescription norm) {
    boolean biased = norm.affine() && norm.kind() == NormDescription.Kind.LAYER;
    return biased ? vector(norm.name() + BIAS, norm.size()) : null;
  }

  /**
   * Does what {@link #weight} does for a matrix that is no linear module.
   *
   * @param fullName the tensor's full name
   */
  Weight matrix(String fullName, int rows, int columns, Arena arena) {
    return weight(memory -> read(fullName, rows, columns, memory), arena).weight();
  }

  private WeightMatrix read(String fullName, int rows, int columns, Arena arena) {
    Checkpoint.Entry entry = entry(fullName, rows, columns);
    MemorySegment copy = read.get(fullName);
    if (copy == null) {
      copy = arena.allocate(entry.info().bytes(), ALIGNMENT);
      entry.shard().read(entry.info(), 0, copy);
    }
    return WeightMatrix.of(copy, entry.info().type().orElseThrow(), rows, columns);
  }

  /**
   * Copies some rows of a matrix from its file, since a large table needn't be loaded whole.
   *
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

  private Tensor vector(String name, int length) {
    return tensor(values(name, length), 1, length);
  }

  /** Returns a vector, widened to float32. */
  private float[] values(String name, int length) {
    Checkpoint.Entry entry = entry(fullName(name), length);
    return entry.shard().vector(entry.info());
  }

  /** Returns a tensor with the given values. */
  Tensor tensor(float[] values, int rows, int columns) {
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
                        ErrorDetails.file(checkpoint.directory())
                            .tensor(name)
                            .expected("one of shape " + Arrays.toString(shape), "it missing")));
    if (!entry.info().shape().equals(LongStream.of(shape).boxed().toList())) {
      throw new InputException(
          ErrorDetails.file(entry.shard().path())
              .tensor(name)
              .expected(
                  "shape " + Arrays.toString(shape) + ", as config.json says",
                  entry.info().shape().toString()));
    }
    if (entry.info().type().isEmpty()) {
      throw new InputException(
          ErrorDetails.file(entry.shard().path())
              .tensor(name)
              .expected("F32, F16 or BF16", Printable.of(entry.info().dtype())));
    }
    return entry;
  }

  /** Frees the memory of weights that were kept; those must be closed. */
  @Override
  public void close() {
    kept.close();
  }
}
