package io.github.wandacuda.pruning;

import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The chosen modules of a decoder block, in the order in which they were chosen.
 *
 * @param number the block's number in the checkpoint
 */
public record ModuleBlock(int number, List<LinearModule> modules) {
  public ModuleBlock {
    modules = List.copyOf(modules);
  }

  /** Returns how many weights the modules have together. */
  public long elements() {
    return modules.stream().mapToLong(LinearModule::elements).sum();
  }

  /**
   * Returns the blocks of some modules, in the order of their numbers.
   *
   * @throws io.github.wandacuda.error.InputException if a module's name has no block's number that
   *     fits into an int
   */
  public static List<ModuleBlock> of(List<LinearModule> modules) {
    return modules.stream()
        .collect(Collectors.groupingBy(ModuleBlock::number, TreeMap::new, Collectors.toList()))
        .entrySet()
        .stream()
        .map(entry -> new ModuleBlock(entry.getKey(), entry.getValue()))
        .toList();
  }

  private static int number(LinearModule module) {
    return LinearModules.block(module.name())
        .orElseThrow(() -> module.place().wrong("a block's number below 2^31", "a larger one"));
  }

  /**
   * Returns the sparsity of every module by its name.
   *
   * @param sparsities of the blocks, in their order
   */
  public static Map<String, Double> sparsities(List<ModuleBlock> blocks, double[] sparsities) {
    Map<String, Double> byModule = new HashMap<>();
    for (int block = 0; block < sparsities.length; block++) {
      for (LinearModule module : blocks.get(block).modules()) {
        byModule.put(module.name(), sparsities[block]);
      }
    }
    return byModule;
  }
}
