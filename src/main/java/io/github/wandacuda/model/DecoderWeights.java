package io.github.wandacuda.model;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedModule;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.quantized.QuantizedModule;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A decoder's weights on a device, or those of one of its blocks, copied there from its {@linkplain
 * DecoderTensors tensors}. All that it makes is closed with it.
 *
 * @param keeping how long matrices are used
 * @param workspace the memory that all blocks of the decoder run in, one after the other
 * @param arrival weights that came to the device already and weren't asked for, and the memory of
 *     weights that the device reads in place
 * @param closings what is closed with these weights, the first one first
 */
record DecoderWeights(
    DecoderTensors tensors,
    Operations operations,
    WeightKeeping keeping,
    Workspace workspace,
    BlockAhead.Arrival arrival,
    Deque<Runnable> closings)
    implements AutoCloseable {
  private static final String BIAS = ".bias";

  /**
   * Copies tensors to the device behind {@code operations}.
   *
   * @param keeping how long matrices are used
   */
  DecoderWeights(DecoderTensors tensors, Operations operations, WeightKeeping keeping) {
    this(
        tensors,
        operations,
        keeping,
        new Workspace(operations),
        new BlockAhead.Arrival(new BlockMemory()),
        new ArrayDeque<>());
    closing(workspace::close);
  }

  /**
   * Returns weights of the same decoder, some of which were read already, for one of its blocks.
   */
  DecoderWeights having(BlockAhead.Arrival arrival) {
    DecoderTensors having =
        new DecoderTensors(
            tensors.checkpoint(), tensors.prefix(), tensors.quantized(), arrival.tensors());
    return new DecoderWeights(having, operations, keeping, workspace, arrival, new ArrayDeque<>());
  }

  /**
   * Reads linear modules' weights that aren't there yet, by several threads: calibrating blocks of
   * 1.2 GB took 2.6 % less on two cores. What can't be read is left to who asks for it and is told.
   */
  void readAll(Stream<LinearDescription> linears) {
    if (keeping == WeightKeeping.WHILE_OPEN) {
      linears
          .filter(linear -> !arrival.weights().containsKey(linear.name()))
          .flatMap(linear -> tensors.stored(linear).stream())
          .toList()
          .parallelStream()
          .forEach(this::tryToRead);
    }
  }

  private void tryToRead(Checkpoint.Entry entry) {
    try {
      arrival.tensors().put(entry.info().name(), tensors.copy(entry, arrival.memory()));
    } catch (InputException e) {
      // Who reads it in its turn is told why, whichever thread was first here.
    }
  }

  /** Has something closed with these weights, before what was made until now. */
  void closing(Runnable close) {
    closings.push(close);
  }

  /**
   * Copies a linear module's weight from its file to the device; who asks for it has it closed,
   * since it may be replaced.
   */
  Loaded weight(LinearDescription linear) {
    Weight here = arrival.weights().remove(linear.name());
    if (here != null) {
      return new Loaded(here, null);
    }
    Optional<QuantizedModule> quantized = tensors.quantized(linear);
    if (quantized.isPresent()) {
      return weight(
          memory -> quantized.get().matrix(tensors.copy(quantized.get().codes(), memory)));
    }
    Optional<PackedModule> packed = packed(linear);
    if (packed.isPresent()) {
      return new Loaded(sparse(packed.get(), linear.transposed()), null);
    }
    return weight(memory -> tensors.read(linear, memory));
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
      return keep(arena -> operations.sparseWeight(module.matrix(arena)));
    }
    try (Arena unpacking = Arena.ofConfined()) {
      SparseMatrix stored = module.matrix(unpacking);
      WeightMatrix matrix =
          NativeMemory.matrix(unpacking, module.dtype(), module.rows(), module.columns());
      stored.unpack(matrix);
      return keep(arena -> operations.sparseWeight(SparseMatrix.pack(matrix.transposed(), arena)));
    }
  }

  private Loaded weight(Function<SegmentAllocator, RowReader> reading) {
    if (keeping != WeightKeeping.WHILE_OPEN) {
      return new Loaded(keep(arena -> operations.residentWeight(reading.apply(arena))), null);
    }
    RowReader matrix = reading.apply(arrival.memory());
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

  /** Returns the weight of a matrix that is no linear module. */
  Weight matrix(String fullName, int rows, int columns) {
    Weight weight = weight(memory -> tensors.read(fullName, rows, columns, memory)).weight();
    closing(weight::close);
    return weight;
  }

  Tensor fullVector(String fullName, int length) {
    return tensor(tensors.fullValues(fullName, length), 1, length);
  }

  /** Returns a vector, widened to float32, as a row. */
  Tensor vector(String name, int length) {
    return tensor(tensors.values(name, length), 1, length);
  }

  Tensor tensor(int rows, int columns) {
    Tensor tensor = operations.tensor(rows, columns);
    closing(tensor::close);
    return tensor;
  }

  Tensor tensor(float[] values, int rows, int columns) {
    Tensor tensor = tensor(rows, columns);
    operations.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  /** Makes a weight of memory that is freed when the weight doesn't read it, else with these. */
  @SuppressWarnings("MustBeClosedChecker") // Closed with the weights that read it.
  private Weight keep(Function<Arena, Weight> making) {
    Arena own = Arena.ofShared();
    closing(own::close);
    Weight weight = making.apply(own);
    if (weight.ownsMemory()) {
      closings.pop().run();
    }
    return weight;
  }

  @Override
  public void close() {
    arrival.weights().values().forEach(Weight::close);
    closings.forEach(Runnable::run);
    arrival.memory().close();
  }
}
