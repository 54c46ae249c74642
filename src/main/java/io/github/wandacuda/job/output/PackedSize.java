package io.github.wandacuda.job.output;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import java.util.List;

/**
 * How large the shards of an output that is packed will be, by what the rules prune. Other zeros,
 * and those of masks that are read, aren't known: such weights count as dense.
 *
 * @param bytes of all shards in the end
 * @param mostBytes of all shards at the same time: they are written dense and packed one by one,
 *     each beside what it replaces
 */
record PackedSize(long bytes, long mostBytes) {
  static PackedSize of(
      List<SafetensorsFile> shards, PruningRules rules, List<LinearModule> chosen) {
    long now = shards.stream().mapToLong(SafetensorsFile::byteSize).sum();
    long most = now;
    for (SafetensorsFile shard : shards) {
      long saved =
          chosen.stream()
              .filter(module -> module.shard().equals(shard))
              .mapToLong(module -> saved(module, rules.of(module)))
              .sum();
      most = Math.max(most, now + shard.byteSize() - saved);
      now -= saved;
    }
    return new PackedSize(now, most);
  }

  private static long saved(LinearModule module, ModuleRules rules) {
    if (rules.method() == Method.MASKS || !module.prunable()) {
      return 0;
    }
    long elements = module.elements();
    long zeros =
        switch (rules.sparsity()) {
          case Sparsity.Ratio ratio -> ratio.of(elements);
          case Sparsity.GroupPattern groups -> elements / groups.size() * groups.pruned();
        };
    long packed = PackedFormat.bytes(module.tensor(), elements - zeros);
    return Math.max(0, module.tensor().bytes() - packed);
  }
}
