package example;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
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
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Prunes a model while it loads. The files are mapped and stay as they are; what statistics exist
 * for goes, pruned, into memory of the program's own.
 */
public final class PruneWhileLoading {
  private PruneWhileLoading() {}

  /** Arguments: the model's directory, a file of statistics, a backend such as auto. */
  public static void main(String[] args) throws IOException {
    try (Arena arena = Arena.ofShared();
        Pruner pruner = Pruner.builder().backend(args[2]).open()) {
      Map<String, MemorySegment> tensors = load(Path.of(args[0]), Path.of(args[1]), pruner, arena);
      System.out.println(tensors.size() + " tensors loaded on " + pruner.backend());
    }
  }

  static Map<String, MemorySegment> load(Path model, Path statistics, Pruner pruner, Arena arena)
      throws IOException {
    SafetensorsShard norms = SafetensorsShard.of(map(statistics, arena));
    Map<String, MemorySegment> tensors = new ConcurrentHashMap<>();
    for (Path file : shards(model)) {
      SafetensorsShard shard = SafetensorsShard.of(map(file, arena));
      shard.names().parallelStream()
          .forEach(name -> tensors.put(name, tensor(shard, name, norms, pruner, arena)));
    }
    return tensors;
  }

  private static MemorySegment tensor(
      SafetensorsShard shard, String name, SafetensorsShard norms, Pruner pruner, Arena arena) {
    String norm = name.replaceFirst("\\.weight$", ".input_norm");
    if (!norms.contains(norm)) {
      return shard.data(name); // embeddings, normalizations, the head: where the file is mapped
    }
    WeightMatrix source = shard.matrix(name);
    MemorySegment own = arena.allocate(shard.data(name).byteSize(), 64);
    WeightMatrix pruned = WeightMatrix.of(own, source.dtype(), source.rows(), source.columns());
    Criterion wanda = Criterion.wanda(norms.vector(norm));
    pruner.prune(source, pruned, wanda, new Sparsity.Ratio(0.5), PruneOptions.DEFAULT);
    return own;
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
