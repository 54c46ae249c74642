package io.github.wandacuda.job.output;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.SharedFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleResult.OutputErrors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Files of pruned modules in an unfinished output, one for each module: its numbers, its mask, its
 * weight. One process of a cluster prunes a module by its second moments, which are larger than the
 * module; the others read the result.
 */
public final class ModuleFiles {
  private static final long ALIGNMENT = 64;

  /** The bytes of a module's numbers, of which the errors are the last. */
  private static final int NUMBERS = 8 * Long.BYTES;

  private final Path output;
  private final Map<String, Integer> places = new HashMap<>();

  /**
   * Names the files of a run's modules.
   *
   * @param output the unfinished output
   * @param chosen the run's modules, in the same order in every process
   */
  public ModuleFiles(Path output, List<LinearModule> chosen) {
    this.output = output;
    chosen.forEach(module -> places.put(module.name(), places.size()));
  }

  /** Returns the path of a module's file. */
  public Path of(LinearModule module) {
    return output.resolve("%s.module-%d".formatted(AtomicWrite.OWN, place(module)));
  }

  /** Returns a module's index among the run's modules. */
  public int place(LinearModule module) {
    return places.get(module.name());
  }

  /**
   * Writes a module's file under a temporary name and then gives it its own.
   *
   * @param mask the packed mask
   * @param weight the pruned weight's bytes
   * @param temporary a path that no other attempt uses
   */
  public void write(ModuleResult result, MemorySegment mask, MemorySegment weight, Path temporary) {
    OutputErrors errors = result.errors();
    ByteBuffer numbers = ByteBuffer.allocate(NUMBERS);
    numbers.putLong(result.pruned()).putLong(result.zeros()).putLong(result.zeroRows());
    numbers.putLong(errors == null ? 0 : 1);
    if (errors != null) {
      numbers.putDouble(errors.output()).putDouble(errors.chosen());
      numbers.putDouble(errors.refined()).putDouble(errors.result());
    }
    MemorySegment all = MemorySegment.ofBuffer(numbers.clear());
    SharedFile.write(temporary, of(result.module()), all, mask, weight);
  }

  /**
   * Reads a module's file.
   *
   * @param mask receives the packed mask
   * @param weight receives the pruned weight's bytes
   * @return its numbers, without norms
   */
  public RunRecords.Module read(LinearModule module, MemorySegment mask, MemorySegment weight) {
    ByteBuffer numbers = ByteBuffer.allocate(NUMBERS);
    MemorySegment all = MemorySegment.ofBuffer(numbers);
    SharedFile.read(of(module), "the module as it was written", all, mask, weight);
    long pruned = numbers.getLong();
    long zeros = numbers.getLong();
    int zeroRows = (int) numbers.getLong();
    boolean measured = numbers.getLong() != 0;
    OutputErrors errors =
        new OutputErrors(
            numbers.getDouble(), numbers.getDouble(), numbers.getDouble(), numbers.getDouble());
    return new RunRecords.Module(pruned, zeros, zeroRows, null, measured ? errors : null);
  }

  /** Reads a module's pruned weight alone. */
  public void readWeight(LinearModule module, MemorySegment weight) {
    try (Arena arena = Arena.ofShared()) {
      RunRecords.Module unused =
          read(module, arena.allocate(module.maskBytes(), ALIGNMENT), weight);
    }
  }
}
