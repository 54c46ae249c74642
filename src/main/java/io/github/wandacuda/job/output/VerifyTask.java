package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.model.LinearModule;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A part of a pruned model's shard that is checked: all of it, or as many modules as have masks
 * that can travel together.
 *
 * @param run the run
 * @param index its place among the parts
 * @param shard the shard's file name
 * @param modules names of pruned modules
 * @param others names of tensors that weren't to be pruned
 */
record VerifyTask(VerifyRun run, int index, String shard, List<String> modules, List<String> others)
    implements ClusterTask<VerifiedPart> {

  /** Takes lists that travel. */
  VerifyTask {
    modules = List.copyOf(modules);
    others = List.copyOf(others);
  }

  /** A part without its place. */
  private record Piece(String shard, List<LinearModule> modules, List<String> others) {}

  /**
   * Cuts a model into parts, in the order of their first masks: those that come early have to wait
   * on the disk. The first part of a shard has all tensors that weren't to be pruned.
   *
   * @param maskBytes the most bytes of masks in a part, unless one alone has more
   */
  static List<VerifyTask> of(VerifyRun run, ShardsCheck.Pruned pruned, long maskBytes) {
    List<Piece> pieces = new ArrayList<>();
    for (SafetensorsFile shard : pruned.dense().checkpoint().shards()) {
      List<LinearModule> modules =
          pruned.chosen().stream().filter(module -> module.shard() == shard).toList();
      List<String> others = others(shard, modules);
      for (List<LinearModule> part : parts(modules, maskBytes)) {
        pieces.add(new Piece(shard.path().getFileName().toString(), part, others));
        others = List.of();
      }
    }
    Map<LinearModule, Integer> places = new HashMap<>();
    pruned.chosen().forEach(module -> places.put(module, places.size()));
    pieces.sort(
        Comparator.comparingInt(
            piece -> piece.modules().isEmpty() ? 0 : places.get(piece.modules().getFirst())));
    List<VerifyTask> tasks = new ArrayList<>();
    for (Piece piece : pieces) {
      List<String> names = piece.modules().stream().map(LinearModule::name).toList();
      tasks.add(new VerifyTask(run, tasks.size(), piece.shard(), names, piece.others()));
    }
    return tasks;
  }

  private static List<String> others(SafetensorsFile shard, List<LinearModule> modules) {
    Set<TensorInfo> pruned =
        modules.stream().map(LinearModule::tensor).collect(Collectors.toUnmodifiableSet());
    return shard.tensors().stream()
        .filter(tensor -> !pruned.contains(tensor))
        .map(TensorInfo::name)
        .toList();
  }

  /** Returns a shard's modules part by part; one part at least. */
  private static List<List<LinearModule>> parts(List<LinearModule> modules, long maskBytes) {
    List<List<LinearModule>> parts = new ArrayList<>();
    parts.add(new ArrayList<>());
    long bytes = 0;
    for (LinearModule module : modules) {
      bytes += module.maskBytes();
      if (bytes > maskBytes && !parts.getLast().isEmpty()) {
        parts.add(new ArrayList<>());
        bytes = module.maskBytes();
      }
      parts.getLast().add(module);
    }
    return parts;
  }

  @Override
  public VerifiedPart run(ClusterNode node) {
    return node.kept(run, () -> VerifyWorker.open(run, node)).run(this, node);
  }
}
