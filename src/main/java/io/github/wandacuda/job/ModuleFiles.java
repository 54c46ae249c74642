package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.io.SharedFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.ModuleResult.OutputErrors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Pruned modules of an unfinished output, a file each: its numbers, its mask, its weight. One
 * process prunes a module by its second moments, which are larger than the module; the others read
 * what it became.
 */
final class ModuleFiles {
  private static final long ALIGNMENT = 64;

  /** Numbers and checksums, and the checksum of those. */
  private static final int HEADER = 11 * Long.BYTES;

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

  int place(LinearModule module) {
    return places.get(module.name());
  }

  /** Writes a file, under a temporary name that no other attempt has before. */
  void write(ModuleResult result, MemorySegment mask, MemorySegment weight, Path temporary) {
    try (SharedFile file = SharedFile.create(temporary)) {
      file.write(0, MemorySegment.ofBuffer(header(result, mask, weight)));
      file.write(HEADER, mask);
      file.write(HEADER + mask.byteSize(), weight);
      file.force();
      file.publish(of(result.module()));
    }
  }

  private static ByteBuffer header(ModuleResult result, MemorySegment mask, MemorySegment weight) {
    OutputErrors errors = result.errors();
    ByteBuffer header = ByteBuffer.allocateDirect(HEADER).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(result.pruned()).putLong(result.zeros()).putLong(result.zeroRows());
    header.putLong(errors == null ? 0 : 1);
    header.putDouble(errors == null ? 0 : errors.output());
    header.putDouble(errors == null ? 0 : errors.chosen());
    header.putDouble(errors == null ? 0 : errors.refined());
    header.putDouble(errors == null ? 0 : errors.result());
    header.putLong(Crc32c.of(mask)).putLong(Crc32c.of(weight));
    header.putLong(checksum(header.flip().limit(HEADER)));
    return header.flip();
  }

  /** Returns the checksum of a header but for its last number; the position stays before that. */
  private static long checksum(ByteBuffer header) {
    ByteBuffer numbers = header.duplicate().position(0).limit(HEADER - Long.BYTES);
    header.position(HEADER - Long.BYTES);
    return Crc32c.of(MemorySegment.ofBuffer(numbers));
  }

  RunRecords.Module read(LinearModule module, MemorySegment mask, MemorySegment weight) {
    Path file = of(module);
    try (SharedFile shared = SharedFile.open(file)) {
      ByteBuffer header = ByteBuffer.allocateDirect(HEADER).order(ByteOrder.LITTLE_ENDIAN);
      shared.read(0, MemorySegment.ofBuffer(header));
      shared.read(HEADER, mask);
      shared.read(HEADER + mask.byteSize(), weight);
      long[] sums = {Crc32c.of(mask), Crc32c.of(weight), checksum(header)};
      header.position(0);
      RunRecords.Module found = module(header);
      for (long sum : sums) {
        if (header.getLong() != sum) {
          throw ErrorDetails.file(file).unwritable("the module as it was written", "other bytes");
        }
      }
      return found;
    }
  }

  private static RunRecords.Module module(ByteBuffer header) {
    long pruned = header.getLong();
    long zeros = header.getLong();
    int zeroRows = (int) header.getLong();
    boolean measured = header.getLong() != 0;
    OutputErrors errors =
        new OutputErrors(
            header.getDouble(), header.getDouble(), header.getDouble(), header.getDouble());
    return new RunRecords.Module(pruned, zeros, zeroRows, null, measured ? errors : null);
  }

  void readWeight(LinearModule module, MemorySegment weight) {
    try (Arena arena = Arena.ofShared()) {
      RunRecords.Module unused =
          read(module, arena.allocate(module.maskBytes(), ALIGNMENT), weight);
    }
  }
}
