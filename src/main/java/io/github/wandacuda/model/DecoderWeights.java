package io.github.wandacuda.model;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/** A decoder's weights on a device, copied there from its {@linkplain DecoderTensors tensors}. */
final class DecoderWeights implements AutoCloseable {
  private static final long ALIGNMENT = 64;
  private static final String BIAS = ".bias";

  private final DecoderTensors tensors;
  private final Operations operations;
  private final WeightKeeping keeping;

  /** The memory of weights that are kept, but that the device reads in place. */
  private final List<Arena> kept;

  /** Weights that came to the device already and weren't asked for, by their modules' names. */
  private final Map<String, Weight> arrived;

  private DecoderWeights(
      DecoderTensors tensors,
      Operations operations,
      WeightKeeping keeping,
      List<Arena> kept,
      Map<String, Weight> arrived) {
    this.tensors = tensors;
    this.operations = Objects.requireNonNull(operations);
    this.keeping = keeping;
    this.kept = kept;
    this.arrived = new HashMap<>(arrived);
  }

  /**
   * Copies tensors to the device behind {@code operations}.
   *
   * @param keeping how long matrices are used
   */
  DecoderWeights(DecoderTensors tensors, Operations operations, WeightKeeping keeping) {
    this(tensors, operations, keeping, new ArrayList<>(), Map.of());
  }

  /**
   * Returns the same weights, some of which were read already.
   *
   * @param read bytes of tensors in memory, by their full names
   * @param arrived those on the device, by their modules' names; {@link #dropArrived} closes what
   *     nobody asks for
   */
  DecoderWeights having(Map<String, MemorySegment> read, Map<String, Weight> arrived) {
    DecoderTensors having =
        new DecoderTensors(tensors.checkpoint(), tensors.prefix(), tensors.quantized(), read);
    return new DecoderWeights(having, operations, keeping, kept, arrived);
  }

  DecoderTensors tensors() {
    return tensors;
  }

  Operations operations() {
    return operations;
  }

  /**
   * Copies a linear module's weight from its file to the device.
   *
   * @param arena owns the copy; must be closed after the weight
   */
  Loaded weight(LinearDescription linear, Arena arena) {
    Weight here = arrived.remove(linear.name());
    if (here != null) {
      return new Loaded(here, null);
    }
    Optional<QuantizedModule> quantized = tensors.quantized(linear);
    if (quantized.isPresent()) {
      return weight(
          memory -> quantized.get().matrix(tensors.copy(quantized.get().codes(), memory)), arena);
    }
    Optional<PackedModule> packed = packed(linear);
    if (packed.isPresent()) {
      return new Loaded(sparse(packed.get(), linear.transposed()), null);
    }
    return weight(memory -> tensors.read(linear, memory), arena);
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
  private Optional<PackedModule> packed(LinearDescription linear) {
    if (keeping != WeightKeeping.RESIDENT) {
      return Optional.empty();
    }
    String unused = tensors.require(linear);
    return tensors
        .stored(linear)
        .flatMap(PackedModule::of)
        .filter(module -> operations.multipliesSparse(module.dtype()));
  }

  private Weight sparse(PackedModule module, boolean transposed) {
    if (!transposed) {
      return keep(memory -> operations.sparseWeight(module.matrix(memory)));
    }
    try (Arena arena = Arena.ofConfined()) {
      SparseMatrix stored = module.matrix(arena);
      MemorySegment dense = arena.allocate(module.weight().bytes(), ALIGNMENT);
      WeightMatrix matrix = WeightMatrix.of(dense, module.dtype(), module.rows(), module.columns());
      stored.unpack(matrix);
      return keep(
          memory -> operations.sparseWeight(SparseMatrix.pack(matrix.transposed(), memory)));
    }
  }

  private Loaded weight(Function<Arena, RowReader> reading, Arena arena) {
    if (keeping != WeightKeeping.WHILE_OPEN) {
      return new Loaded(keep(memory -> operations.residentWeight(reading.apply(memory))), null);
    }
    RowReader matrix = reading.apply(arena);
    Weight weight = operations.weight(matrix);
    return new Loaded(weight, weight.ownsMemory() ? null : matrix.data());
  }

  /** Returns a linear module's bias, or null if it has none. */
  Tensor bias(LinearDescription linear) {
    return linear.bias() ? vector(linear.name() + BIAS, linear.rows()) : null;
  }

  /** Returns a norm's gain; ones if it has none. */
  Tensor gain(NormDescription norm) {
    int rows = Math.max(1, norm.gains());
    float[] values;
    if (norm.affine()) {
      values = tensors.gains(norm);
      for (int column = 0; column < values.length; column++) {
        values[column] += norm.gainOffset();
      }
    } else {
      values = new float[norm.size() * rows];
      Arrays.fill(values, 1);
    }
    return tensor(values, rows, norm.size());
  }

  /** Returns a LayerNorm's bias, or null if it has none. */
  Tensor bias(NormDescription norm) {
    boolean biased = norm.affine() && norm.kind() == NormDescription.Kind.LAYER;
    return biased ? vector(norm.name() + BIAS, norm.size()) : null;
  }

  /** Does what {@link #weight} does for a matrix that is no linear module. */
  Weight matrix(String fullName, int rows, int columns, Arena arena) {
    return weight(memory -> tensors.read(fullName, rows, columns, memory), arena).weight();
  }

  Tensor fullVector(String fullName, int length) {
    return tensor(tensors.fullValues(fullName, length), 1, length);
  }

  /** Returns a vector, widened to float32, as a row. */
  Tensor vector(String name, int length) {
    return tensor(tensors.values(name, length), 1, length);
  }

  Tensor tensor(float[] values, int rows, int columns) {
    Tensor tensor = operations.tensor(rows, columns);
    operations.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  /** Makes a weight of memory that is freed when the weight doesn't read it, else with these. */
  @SuppressWarnings("MustBeClosedChecker") // Closed with the weights that read it.
  private Weight keep(Function<Arena, Weight> making) {
    Arena memory = Arena.ofShared();
    kept.add(memory);
    Weight weight = making.apply(memory);
    if (weight.ownsMemory()) {
      kept.removeLast();
      memory.close();
    }
    return weight;
  }

  /** Frees the memory of weights that were kept; those must be closed. */
  @Override
  public void close() {
    kept.forEach(Arena::close);
    kept.clear();
  }
}
