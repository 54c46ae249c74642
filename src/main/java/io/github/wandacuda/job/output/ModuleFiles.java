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
 * Pruned modules of an unfinished output, a file each: its numbers, its mask, its weight. One
 * process prunes a module by its second moments, which are larger than the module; the others read
 * what it became.
 */
public final class ModuleFiles {
  private static final long ALIGNMENT = 64;

  /** Bytes of a module's numbers, the errors last. */
  private static final int NUMBERS = 8 * Long.BYTES;

  private final Path output;
  private final Map<String, Integer> places = new HashMap<>();

  /** Names the files of a run's modules, which are in the same order everywhere. */
  public ModuleFiles(Path output, List<LinearModule> chosen) {
    this.output = output;
    chosen.forEach(module -> places.put(module.name(), places.size()));
  }

  public Path of(LinearModule module) {
    return output.resolve("%s.module-%d".formatted(AtomicWrite.OWN, place(module)));
  }

  public int place(LinearModule module) {
    return places.get(module.name());
  }

  /** Writes a file, under a temporary name that no other attempt has before. */
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

  public void readWeight(LinearModule module, MemorySegment weight) {
    try (Arena arena = Arena.ofShared()) {
      RunRecords.Module unused =
          read(module, arena.allocate(module.maskBytes(), ALIGNMENT), weight);
    }
  }
}
