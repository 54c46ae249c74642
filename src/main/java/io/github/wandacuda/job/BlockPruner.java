package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerInputs;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.select.ResidentMatrix;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Prunes a block's modules by what samples are to them, and gives the block their pruned weights.
 *
 * @param backend has the block's weights
 * @param pruner prunes modules and puts them where they belong
 * @param chosen the modules of the run
 * @param moments whether second moments are needed
 * @param masks masks that come from a file
 * @param clock takes the time of running the samples
 */
record BlockPruner(
    Backend backend,
    ModulePruner pruner,
    List<LinearModule> chosen,
    boolean moments,
    Optional<MasksIn> masks,
    PhaseClock clock) {
  /** Checks that the forward pass uses every chosen module, since another one has no norms. */
  void requireInside(Decoder decoder) {
    requireInside(chosen, decoder);
  }

  /** Does what {@link #requireInside(Decoder)} does. */
  static void requireInside(List<LinearModule> chosen, Decoder decoder) {
    Set<String> inside = Set.copyOf(decoder.linearModules());
    chosen.stream()
        .filter(module -> !inside.contains(module.name()))
        .findFirst()
        .ifPresent(
            module -> {
              throw new InputException(
                  module
                      .place()
                      .expected(
                          "a part of the forward pass", "none of it, so that it gets no norms")
                      .hint("leave it out with `exclude` '%s'".formatted(module.name())));
            });
  }

  /**
   * Prunes a block.
   *
   * @param run its samples, which stand before the block afterwards too
   * @param arena holds pruned weights, where the block's own can't be pruned, as long as the block
   *     needs them
   */
  List<ModuleResult> prune(BlockwiseRun run, Block block, Arena arena) {
    try (Arena moment = Arena.ofShared()) {
      long start = System.nanoTime();
      BlockStatistics statistics = observe(run, block, moment);
      clock.addCalibrate(System.nanoTime() - start);
      return prune(statistics, block, arena);
    }
  }

  /** Prunes a block by norms that are known. */
  List<ModuleResult> prune(Map<String, float[]> norms, Block block, Arena arena) {
    return prune(new BlockStatistics(norms, Map.of(), Map.of()), block, arena);
  }

  private List<ModuleResult> prune(BlockStatistics statistics, Block block, Arena arena) {
    List<ModuleRequest> requests =
        chosen.stream()
            .filter(module -> block.inputFeatures().containsKey(module.name()))
            .map(module -> request(block, module, statistics, arena))
            .toList();
    List<ModuleResult> results = pruner.prune(requests, Progress.NONE);
    requests.stream()
        .filter(request -> request.resident() == null)
        .forEach(
            request ->
                block.replace(
                    request.module().name(), request.module().view(request.held().bytes())));
    return results;
  }

  private BlockStatistics observe(BlockwiseRun run, Block block, Arena arena) {
    return moments
        ? run.observe(block, arena)
        : new BlockStatistics(run.observe(block), Map.of(), Map.of());
  }

  /** A weight that is pruned on the device is where the block needs it. */
  private ModuleRequest request(
      Block block, LinearModule module, BlockStatistics statistics, Arena arena) {
    String name = module.name();
    LayerInputs inputs =
        new LayerInputs(
            statistics.norms().get(name),
            statistics.grams().get(name),
            statistics.tokens().getOrDefault(name, 0L),
            MasksIn.of(masks, module));
    Optional<ResidentMatrix> resident =
        pruner.isByTiles(module, inputs) ? backend.resident(block.weight(name)) : Optional.empty();
    return resident.isPresent()
        ? new ModuleRequest(module, inputs, null, resident.get())
        : new ModuleRequest(module, inputs, HeldWeight.of(module, block, arena));
  }
}
