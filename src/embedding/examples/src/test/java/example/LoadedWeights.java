package example;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.Pruner;
import io.github.wandacuda.library.SafetensorsShard;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Compares what {@link PruneWhileLoading} loads with masks of the original Wanda code. */
final class LoadedWeights {
  private LoadedWeights() {}

  /** Arguments: the model's directory, statistics, masks, a backend. */
  public static void main(String[] args) throws IOException {
    try (Arena arena = Arena.ofShared();
        Pruner pruner = Pruner.builder().backend(args[3]).open()) {
      Path model = Path.of(args[0]);
      Map<String, MemorySegment> tensors =
          PruneWhileLoading.load(model, Path.of(args[1]), pruner, arena);
      SafetensorsShard masks = SafetensorsShard.of(map(Path.of(args[2]), arena));
      long equal = 0;
      long all = 0;
      for (Path file : shards(model)) {
        SafetensorsShard dense = SafetensorsShard.of(map(file, arena));
        for (String name : dense.names()) {
          equal += equal(dense, name, masks, tensors.get(name));
          all += elements(dense, name);
        }
      }
      System.out.println("weights equal " + equal + " of " + all);
    }
  }

  private static long elements(SafetensorsShard shard, String name) {
    return shard.shape(name).stream().reduce(1L, Math::multiplyExact);
  }

  private static long equal(
      SafetensorsShard dense, String name, SafetensorsShard masks, MemorySegment loaded) {
    String module = name.replaceFirst("\\.weight$", "");
    if (!masks.contains(module + ".mask")) {
      return loaded.mismatch(dense.data(name)) == -1 ? elements(dense, name) : 0;
    }
    WeightMatrix before = dense.matrix(name);
    WeightMatrix after = WeightMatrix.of(loaded, DType.BF16, before.rows(), before.columns());
    Mask mask = Mask.of(masks.data(module + ".mask"), before.rows(), before.columns());
    long equal = 0;
    for (int row = 0; row < before.rows(); row++) {
      for (int column = 0; column < before.columns(); column++) {
        float expected = mask.isKept(row, column) ? before.get(row, column) : 0;
        float found = after.get(row, column);
        equal += Float.floatToRawIntBits(expected) == Float.floatToRawIntBits(found) ? 1 : 0;
      }
    }
    return equal;
  }

  private static List<Path> shards(Path model) throws IOException {
    try (Stream<Path> files = Files.list(model)) {
      return files.filter(file -> file.toString().endsWith(".safetensors")).toList();
    }
  }

  private static MemorySegment map(Path file, Arena arena) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }
  }
}
