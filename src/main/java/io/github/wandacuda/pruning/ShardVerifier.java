package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.parallel.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Checks the shards of a pruned model against those of its dense source. */
final class ShardVerifier {
  private static final int CHUNK = 1 << 20;

  private final Workers workers;
  private final PruningRules rules;
  private final List<LinearModule> chosen;
  private final Failures failures;

  ShardVerifier(Workers workers, PruningRules rules, List<LinearModule> chosen, Failures failures) {
    this.workers = workers;
    this.rules = rules;
    this.chosen = chosen;
    this.failures = failures;
  }

  /**
   * Checks all tensors.
   *
   * @param denseShards the source's shards
   * @param directory holds shards of the same names
   * @return the SHA-256 over the masks of the chosen modules
   */
  String verify(List<SafetensorsFile> denseShards, Path directory) {
    Map<SafetensorsFile, SafetensorsFile> counterparts = new HashMap<>();
    try {
      for (SafetensorsFile dense : denseShards) {
        open(dense, directory, counterparts);
      }
      verifyUntouched(counterparts);
      return verifyChosen(counterparts, directory);
    } finally {
      counterparts.values().forEach(SafetensorsFile::close);
    }
  }

  private void open(
      SafetensorsFile dense, Path directory, Map<SafetensorsFile, SafetensorsFile> counterparts) {
    try {
      SafetensorsFile pruned =
          SafetensorsFile.open(directory.resolve(dense.path().getFileName().toString()));
      counterparts.put(dense, pruned);
      comparePlaces(dense, pruned);
    } catch (InputException e) {
      failures.add(e.getMessage());
    }
  }

  private void comparePlaces(SafetensorsFile dense, SafetensorsFile pruned) {
    Map<String, TensorInfo> found =
        pruned.tensors().stream().collect(Collectors.toMap(TensorInfo::name, Function.identity()));
    for (TensorInfo expected : dense.tensors()) {
      TensorInfo actual = found.remove(expected.name());
      if (!expected.equals(actual)) {
        failures.add(
            "%s: tensor %s: expected %s, found %s"
                .formatted(pruned.path(), expected.name(), expected, actual));
      }
    }
    found
        .keySet()
        .forEach(
            name ->
                failures.add("%s: tensor %s: not in the source".formatted(pruned.path(), name)));
  }

  private record Pair(SafetensorsFile dense, SafetensorsFile pruned, TensorInfo tensor) {}

  private void verifyUntouched(Map<SafetensorsFile, SafetensorsFile> counterparts) {
    Set<TensorInfo> touched =
        chosen.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
    List<Pair> pairs = new ArrayList<>();
    counterparts.forEach(
        (dense, pruned) ->
            dense.tensors().stream()
                .filter(tensor -> !touched.contains(tensor))
                .filter(tensor -> isAlike(pruned, tensor))
                .forEach(tensor -> pairs.add(new Pair(dense, pruned, tensor))));
    workers.run(pairs.size(), (worker, index) -> compareBytes(pairs.get(index)));
  }

  private static boolean isAlike(SafetensorsFile pruned, TensorInfo tensor) {
    return pruned.tensor(tensor.name()).filter(tensor::equals).isPresent();
  }

  private void compareBytes(Pair pair) {
    TensorInfo tensor = pair.tensor();
    MemorySegment left = MemorySegment.ofArray(new byte[CHUNK]);
    MemorySegment right = MemorySegment.ofArray(new byte[CHUNK]);
    for (long at = 0; at < tensor.bytes(); at += CHUNK) {
      long count = Math.min(CHUNK, tensor.bytes() - at);
      pair.dense().read(tensor, at, left.asSlice(0, count));
      pair.pruned().read(tensor, at, right.asSlice(0, count));
      long mismatch = left.asSlice(0, count).mismatch(right.asSlice(0, count));
      if (mismatch >= 0) {
        failures.add(
            "%s: tensor %s: was not to be pruned, but differs at byte %d"
                .formatted(pair.pruned().path(), tensor.name(), at + mismatch));
        return;
      }
    }
  }

  private String verifyChosen(Map<SafetensorsFile, SafetensorsFile> counterparts, Path directory) {
    // The masks come in their order, so that none is spilled.
    try (MaskDigest masks = new MaskDigest(chosen.size(), directory)) {
      for (int index = 0; index < chosen.size(); index++) {
        LinearModule module = chosen.get(index);
        try (Arena arena = Arena.ofShared()) {
          MemorySegment mask = arena.allocate(module.maskBytes());
          SafetensorsFile pruned = counterparts.get(module.shard());
          if (pruned != null && isAlike(pruned, module.tensor())) {
            new ModuleVerifier(module, pruned, rules.of(module), failures).verify(workers, mask);
          }
          masks.add(index, mask);
        }
      }
      return masks.hex();
    }
  }
}
