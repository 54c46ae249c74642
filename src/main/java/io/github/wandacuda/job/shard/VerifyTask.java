package io.github.wandacuda.job.shard;

import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.io.checkpoint.TensorInfo;
import io.github.wandacuda.job.verify.ShardsCheck;
import io.github.wandacuda.model.LinearModule;
import java.util.ArrayList;
import java.util.List;
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

  /**
   * Cuts a model into parts. The first part of a shard has all tensors that weren't to be pruned.
   *
   * @param maskBytes the most bytes of masks in a part, unless one alone has more
   */
  static List<VerifyTask> of(VerifyRun run, ShardsCheck.Pruned pruned, long maskBytes) {
    List<VerifyTask> tasks = new ArrayList<>();
    for (SafetensorsFile shard : pruned.dense().checkpoint().shards()) {
      String file = shard.path().getFileName().toString();
      List<LinearModule> modules =
          pruned.chosen().stream().filter(module -> module.shard() == shard).toList();
      List<String> others = others(shard, modules);
      for (List<String> names : parts(modules, maskBytes)) {
        tasks.add(new VerifyTask(run, tasks.size(), file, names, others));
        others = List.of();
      }
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

  /** Returns the names of a shard's modules part by part; one part at least. */
  private static List<List<String>> parts(List<LinearModule> modules, long maskBytes) {
    List<List<String>> parts = new ArrayList<>();
    parts.add(new ArrayList<>());
    long bytes = 0;
    for (LinearModule module : modules) {
      bytes += module.maskBytes();
      if (bytes > maskBytes && !parts.getLast().isEmpty()) {
        parts.add(new ArrayList<>());
        bytes = module.maskBytes();
      }
      parts.getLast().add(module.name());
    }
    return parts;
  }

  @Override
  public VerifiedPart run(ClusterNode node) {
    return node.kept(run, () -> VerifyWorker.open(run, node)).run(this, node);
  }
}
