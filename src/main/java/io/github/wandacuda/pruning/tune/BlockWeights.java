package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.HalfParts;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.pruning.tune.HalfGradient.Layer;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The linear modules' weights of a block that is fitted: copied to float32, and rounded to their
 * own type when they are put back.
 *
 * @param block receives fitted weights
 * @param modules all linear modules of the model, by their names
 * @param requests those whose kept weights are fitted, by their names, with the memory that holds
 *     them
 * @param products have the device and the workers
 */
record BlockWeights(
    Block block,
    Map<String, LinearModule> modules,
    Map<String, ModuleRequest> requests,
    Products products) {
  private static final long ALIGNMENT = 64;

  /** Returns whether one of a part's modules is to be fitted. */
  boolean areFitted(HalfParts parts) {
    return parts.linears().stream().anyMatch(linear -> requests.containsKey(linear.module()));
  }

  /** Copies a module's weights as they are now. */
  TunedWeight copied(String name) {
    Operations operations = products.operations();
    ModuleRequest request = requests.get(name);
    if (request != null) {
      return new TunedWeight(request.module().rows(request.held().bytes()), true, operations);
    }
    LinearModule module = modules.get(name);
    try (Arena arena = Arena.ofShared()) {
      return new TunedWeight(source(module, arena), false, operations);
    }
  }

  private RowReader source(LinearModule module, Arena arena) {
    Optional<MemorySegment> own = block.bytes(module.name());
    if (own.isPresent()) {
      return module.rows(own.get());
    }
    MemorySegment bytes = arena.allocate(module.tensor().bytes(), ALIGNMENT);
    module.shard().read(module.tensor(), 0, bytes);
    return module.rows(bytes);
  }

  /** Returns whether the modules' types have room for all fitted weights. */
  boolean haveRoomFor(List<Layer> layers) {
    return layers.stream().filter(layer -> layer.weight().isTuned()).allMatch(this::isFinite);
  }

  private boolean isFinite(Layer layer) {
    DType type = modules.get(layer.of().module()).tensor().type().orElse(DType.F32);
    WeightMatrix weights = layer.weight().weights();
    float[] row = new float[weights.columns()];
    for (int at = 0; at < weights.rows(); at++) {
      weights.read(at, 0, row.length, row, 0);
      for (float value : row) {
        if (!Float.isFinite(type.rounded(value))) {
          return false;
        }
      }
    }
    return true;
  }

  /**
   * Rounds the fitted weights to the module's type or codes, and gives the block the result. A kept
   * weight that would be rounded to 0 stays as it was, since what is zero counts as pruned.
   */
  void install(Layer layer) {
    ModuleRequest request = requests.get(layer.of().module());
    RowReader stored = request.module().rows(request.held().bytes());
    WeightMatrix weights = layer.weight().weights();
    WorkerPool workers = products.workers();
    workers.run(
        stored.rows(),
        (worker, row) -> {
          float[] values = new float[stored.columns()];
          weights.read(row, 0, values.length, values, 0);
          for (int column = 0; column < values.length; column++) {
            put(request.module(), stored, row, column, values[column]);
          }
        });
    request.keepIn(block);
  }

  private static void put(LinearModule module, RowReader stored, int row, int column, float value) {
    switch (stored) {
      case WeightMatrix plain -> {
        if (plain.dtype().rounded(value) != 0) {
          plain.set(row, column, value);
        }
      }
      case QuantizedMatrix codes -> {
        if (module.quantized().rounded(row, column, value) != 0) {
          codes.codes().set(row, column, codes.nearest(row, column, value));
        }
      }
    }
  }
}
