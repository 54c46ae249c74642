package io.github.wandacuda.bench.common;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Compares where two pruned BF16 checkpoints of one model are zero. */
public final class ZeroAgreement {
  private final LongAdder elements = new LongAdder();
  private final LongAdder different = new LongAdder();

  private ZeroAgreement() {}

  /** Returns the fraction of the linear weights that are zero in both or in neither. */
  public static double of(Path one, Path other) {
    ZeroAgreement agreement = new ZeroAgreement();
    for (Path shard : shards(one)) {
      try (SafetensorsFile a = SafetensorsFile.open(shard);
          SafetensorsFile b = SafetensorsFile.open(other.resolve(shard.getFileName()))) {
        a.tensors().stream()
            .filter(tensor -> tensor.name().endsWith("_proj.weight"))
            .forEach(tensor -> agreement.compare(a, b, tensor));
      }
    }
    return 1 - agreement.different.doubleValue() / agreement.elements.doubleValue();
  }

  private static List<Path> shards(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void compare(SafetensorsFile a, SafetensorsFile b, TensorInfo tensor) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment left = WeightBytes.read(a, tensor, arena);
      MemorySegment right = WeightBytes.read(b, b.tensor(tensor.name()).orElseThrow(), arena);
      long count = left.byteSize() / Short.BYTES;
      elements.add(count);
      different.add(
          LongStream.range(0, count)
              .parallel()
              .filter(i -> isZero(left, i) != isZero(right, i))
              .count());
    }
  }

  private static boolean isZero(MemorySegment weights, long index) {
    short bits = weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, index * Short.BYTES);
    return (bits & Short.MAX_VALUE) == 0;
  }
}
